"""Known differences in one setting of an optimizer, in Keras' own equation."""

from typing import Any

import keras
from torch import optim

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import UpdatePlace
from parity_ladder.known_differences.port_settings import differing_setting
from parity_ladder.known_differences.replaying import only, updated

_ELSEWHERE = (optim.Adam, optim.RMSprop, optim.Adagrad)
"""PyTorch's optimizers whose epsilon has another place than Keras'."""
_WITH_BETAS = (keras.optimizers.Adam, keras.optimizers.Nadam, keras.optimizers.Adamax)


@known(
    "another beta_1",
    rung="optimizer state",
    area="optimizers",
    source="keras/src/optimizers/adam.py; torch/optim/adam.py",
)
def another_beta_1(place: UpdatePlace) -> Any:
    """The port's momentum fades at another rate than Keras' `beta_1` says.

    Give the optimizer `betas=(beta_1, beta_2)` with the numbers of the Keras model.
    """
    beta = differing_setting(place, "beta_1")
    if beta is None or not isinstance(place.optimizer, _WITH_BETAS):
        return None
    return only(updated(place, beta_1=beta), "momentum")


@known(
    "another beta_2",
    rung="optimizer state",
    area="optimizers",
    source="keras/src/optimizers/adam.py; torch/optim/adam.py",
)
def another_beta_2(place: UpdatePlace) -> Any:
    """The port's velocity, its mean of squared gradients, fades at another rate than Keras' does.

    Give the optimizer `betas=(beta_1, beta_2)` with the numbers of the Keras model. In the first
    update the bias correction hides the mistake in the weights, but not in the velocity.
    """
    beta = differing_setting(place, "beta_2")
    if beta is None or not isinstance(place.optimizer, _WITH_BETAS):
        return None
    after = updated(place, beta_2=beta)
    return only(after, "velocity") or only(after, "norm")


@known(
    "another rho",
    rung="optimizer state",
    area="optimizers",
    source="keras/src/optimizers/rmsprop.py, adadelta.py; torch/optim/rmsprop.py, adadelta.py",
)
def another_rho(place: UpdatePlace) -> Any:
    """The port's mean of squared gradients fades at another rate than Keras' `rho` says.

    PyTorch's defaults are 0.99 in RMSprop, where rho is called `alpha`, and 0.9 in Adadelta; Keras'
    are 0.9 and 0.95. Give the optimizer the number of the Keras model.
    """
    rho = differing_setting(place, "rho")
    if rho is None:
        return None
    after = updated(place, rho=rho)
    return only(after, "velocity") or only(after, "accumulated_grad")


@known(
    "another epsilon",
    rung="updated weights",
    area="optimizers",
    source="keras/src/optimizers/base_optimizer.py and the files of its subclasses",
)
def another_epsilon(place: UpdatePlace) -> Any:
    """The port's optimizer has Keras' equation with an epsilon of another size.

    Give it the epsilon of the Keras model; Keras' default is 1e-7 in all its optimizers.
    """
    epsilon = differing_setting(place, "epsilon")
    if epsilon is None or isinstance(place.ports_optimizer, _ELSEWHERE):
        return None
    return updated(place, epsilon=epsilon)


@known(
    "another momentum",
    rung="optimizer state",
    area="optimizers",
    source="keras/src/optimizers/sgd.py, rmsprop.py; torch/optim/sgd.py, rmsprop.py",
)
def another_momentum(place: UpdatePlace) -> Any:
    """The port's momentum fades at another rate than Keras' `momentum` says.

    Give the optimizer the `momentum` of the Keras model. It shows from the second update on.
    """
    momentum = differing_setting(place, "momentum")
    if not momentum or not getattr(place.optimizer, "momentum", 0):
        return None
    return only(updated(place, momentum=momentum), "momentum")
