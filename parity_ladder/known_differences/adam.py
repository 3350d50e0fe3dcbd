"""Known differences in Adam, AdamW, Nadam and Adamax."""

from typing import Any

import keras
import numpy as np
from torch import optim

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import Array, UpdatePlace
from parity_ladder.known_differences.port_settings import (
    decoupled_decays,
    differing_setting,
    port_setting,
)
from parity_ladder.known_differences.replaying import decayed, updated


def _torch_adam(place: UpdatePlace, epsilon: float) -> dict[str, Array] | None:
    """Return the weights that PyTorch's equation leads to, with an epsilon of this size."""
    settings: Any = place.optimizer
    if not isinstance(settings, keras.optimizers.Adam):
        return None
    step = place.state.iteration + 1
    found = {}
    for name, gradient in place.gradients.items():
        momentum, velocity = place.slot("momentum", name), place.slot("velocity", name)
        momentum = momentum + (gradient - momentum) * (1 - settings.beta_1)
        velocity = velocity + (gradient**2 - velocity) * (1 - settings.beta_2)
        if settings.amsgrad:
            velocity = np.maximum(place.slot("velocity_hat", name), velocity)
        corrected = np.sqrt(velocity / (1 - settings.beta_2**step)) + epsilon
        found[name] = decayed(place, name) - place.rate * (
            momentum / (1 - settings.beta_1**step) / corrected
        )
    return found


@known(
    "epsilon hat in Adam",
    rung="updated weights",
    area="optimizers",
    source="keras/src/optimizers/adam.py; torch/optim/adam.py; keras #17391",
)
def epsilon_hat(place: UpdatePlace) -> Any:
    """The port's Adam adds epsilon to the corrected root of the velocity, as `torch.optim.Adam`.

    Keras adds it to the uncorrected root ("epsilon hat"), which is an epsilon 32 times larger in
    the first step. Take `keras_for_torch.KerasAdam`, or `KerasAdamW`.
    """
    settings: Any = place.optimizer
    return _torch_adam(place, getattr(settings, "epsilon", 0.0))


@known(
    "PyTorch's epsilon in Adam",
    rung="updated weights",
    area="optimizers",
    source="keras/src/optimizers/adam.py; torch/optim/adam.py; pytorch #104857",
)
def pytorchs_epsilon(place: UpdatePlace) -> Any:
    """The port's Adam has PyTorch's epsilon: another size, 1e-8 by default, in another place.

    Keras' default is 1e-7, and Keras adds it to the root of the velocity before the correction of
    the bias. Take `keras_for_torch.KerasAdam(parameters, lr)`, or `KerasAdamW`.
    """
    epsilon = differing_setting(place, "epsilon")
    return None if epsilon is None else _torch_adam(place, epsilon)


@known(
    "PyTorch's AdamW",
    rung="updated weights",
    area="optimizers",
    source="keras/src/optimizers/adamw.py; torch/optim/adamw.py",
)
def pytorchs_adamw(place: UpdatePlace) -> Any:
    """The port's `torch.optim.AdamW` decays at another rate, 0.01 by default, than Keras.

    Keras' AdamW decays at 0.004 by default, its Adam not at all. PyTorch's epsilon is another one,
    too. Take `keras_for_torch.KerasAdamW(parameters, lr, weight_decay=0.004)` with Keras' rate, or
    `KerasAdam` if Keras does not decay.
    """
    ours, optimizer = place.ports_optimizer, place.optimizer
    rates = decoupled_decays(place)
    if not isinstance(ours, optim.AdamW) or all(
        rates[name] == (optimizer.weight_decay or 0.0) for name in place.gradients
    ):
        return None
    weights = _torch_adam(place, port_setting(place, "epsilon"))
    if weights is None:
        return None
    return {
        name: after
        - decayed(place, name)
        + place.state.weights[name] * (1 - place.rate * rates[name])
        for name, after in weights.items()
    }


@known(
    "no bias correction in Adam",
    rung="updated weights",
    area="optimizers",
    source="keras/src/optimizers/adam.py; torch/optim/adam.py",
)
def no_bias_correction(place: UpdatePlace) -> Any:
    """The port's Adam does not correct momentum and velocity for their start at 0.

    Keras multiplies the rate by `sqrt(1 - beta_2 ** t) / (1 - beta_1 ** t)`, where t is the number
    of the update, from 1. Do so, or take `keras_for_torch.KerasAdam`.
    """
    settings: Any = place.optimizer
    if not isinstance(settings, keras.optimizers.Adam):
        return None
    after = updated(place)
    velocity = "velocity_hat" if settings.amsgrad else "velocity"
    return {
        name: decayed(place, name)
        - place.rate
        * after[f"momentum/{name}"]
        / (np.sqrt(after[f"{velocity}/{name}"]) + settings.epsilon)
        for name in place.gradients
    }


@known(
    "slow momentum decay in Nadam",
    rung="optimizer state",
    area="optimizers",
    source="keras/src/optimizers/nadam.py; torch/optim/nadam.py",
)
def slow_momentum_decay(place: UpdatePlace) -> Any:
    """The port's `torch.optim.NAdam` brings in the momentum 250 times as slowly as Keras.

    PyTorch raises 0.96 to `t * momentum_decay`, which is 0.004 by default; Keras raises it to t.
    Give it `momentum_decay=1`, or take `keras_for_torch.KerasNadam`.
    """
    settings: Any = place.optimizer
    decay = port_setting(place, "momentum_decay")
    if not isinstance(settings, keras.optimizers.Nadam) or decay in {None, 1}:
        return None
    step = place.state.iteration + 1
    part = settings.beta_1 * (1 - 0.5 * 0.96 ** (step * decay))
    return {"u_product": place.state.optimizer["u_product"] * part}


@known(
    "epsilon inside the maximum in Adamax",
    rung="optimizer state",
    area="optimizers",
    source="keras/src/optimizers/adamax.py; torch/optim/adamax.py",
)
def epsilon_inside_the_maximum(place: UpdatePlace) -> Any:
    """The port's `torch.optim.Adamax` adds epsilon to the gradient, before it takes the maximum.

    Keras keeps the norm without it, and adds it where the momentum is divided by the norm. Take
    `keras_for_torch.KerasAdamax`.
    """
    settings: Any = place.optimizer
    if not isinstance(settings, keras.optimizers.Adamax):
        return None
    epsilon = port_setting(place, "epsilon")
    epsilon = settings.epsilon if epsilon is None else epsilon
    return {
        f"norm/{name}": np.maximum(
            settings.beta_2 * place.slot("norm", name), np.abs(gradient) + epsilon
        )
        for name, gradient in place.gradients.items()
    }
