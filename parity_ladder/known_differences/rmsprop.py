"""Known differences in RMSprop, Adagrad and Adadelta."""

from typing import Any

import keras
import numpy as np

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import Array, UpdatePlace
from parity_ladder.known_differences.port_settings import differing_setting
from parity_ladder.known_differences.replaying import decayed


def torch_rmsprop(place: UpdatePlace, epsilon: float) -> dict[str, Array] | None:
    """Return momentum and weights by PyTorch's equation; the rate is that of Keras' momentum."""
    settings: Any = place.optimizer
    if not isinstance(settings, keras.optimizers.RMSprop):
        return None
    found = {}
    for name, gradient in place.gradients.items():
        velocity = settings.rho * place.slot("velocity", name) + (1 - settings.rho) * gradient**2
        if settings.centered:
            average = place.slot("average_gradient", name)
            average = settings.rho * average + (1 - settings.rho) * gradient
            velocity = velocity - average**2
        increment = place.rate * gradient / (np.sqrt(velocity) + epsilon)
        if settings.momentum > 0:
            increment = settings.momentum * place.slot("momentum", name) + increment
            found[f"momentum/{name}"] = increment
        found[name] = decayed(place, name) - increment
    return found


def _torch_adagrad(place: UpdatePlace, epsilon: float) -> dict[str, Array] | None:
    if not isinstance(place.optimizer, keras.optimizers.Adagrad):
        return None
    return {
        name: decayed(place, name)
        - place.rate * gradient / (np.sqrt(place.slot("accumulator", name) + gradient**2) + epsilon)
        for name, gradient in place.gradients.items()
    }


@known(
    "epsilon outside the root",
    rung="updated weights",
    area="optimizers",
    source="keras/src/optimizers/rmsprop.py, adagrad.py; torch/optim/rmsprop.py, adagrad.py",
)
def epsilon_outside_the_root(place: UpdatePlace) -> Any:
    """The port's RMSprop or Adagrad adds epsilon to the root, as PyTorch's own do.

    Keras adds it below the root, where 1e-7 weighs as much as 3e-4 outside. Take
    `keras_for_torch.KerasRMSprop` or `KerasAdagrad`.
    """
    epsilon = getattr(place.optimizer, "epsilon", 0.0)
    return torch_rmsprop(place, epsilon) or _torch_adagrad(place, epsilon)


@known(
    "PyTorch's epsilon outside the root",
    rung="updated weights",
    area="optimizers",
    source="keras/src/optimizers/rmsprop.py, adagrad.py; torch/optim/rmsprop.py, adagrad.py",
)
def pytorchs_epsilon_outside(place: UpdatePlace) -> Any:
    """The port's RMSprop or Adagrad adds PyTorch's epsilon, 1e-8 or 1e-10 by default, to the root.

    Keras' default is 1e-7, and Keras adds it below the root. A larger `eps` cannot make up for the
    place: take `keras_for_torch.KerasRMSprop` or `KerasAdagrad`.
    """
    epsilon = differing_setting(place, "epsilon")
    if epsilon is None:
        return None
    return torch_rmsprop(place, epsilon) or _torch_adagrad(place, epsilon)
