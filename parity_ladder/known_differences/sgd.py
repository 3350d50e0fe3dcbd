"""Known differences in gradient descent with momentum."""

from typing import Any

import keras
from keras.optimizers.schedules import LearningRateSchedule

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import UpdatePlace
from parity_ladder.known_differences.port_settings import port_setting
from parity_ladder.known_differences.replaying import decayed, only, updated, weights_of


@known(
    "momentum without the learning rate",
    rung="optimizer state",
    area="optimizers",
    source="keras/src/optimizers/sgd.py, rmsprop.py; torch/optim/sgd.py, rmsprop.py",
)
def momentum_without_the_rate(place: UpdatePlace) -> Any:
    """The port's momentum is a sum of gradients, multiplied by the present learning rate.

    So does `torch.optim.SGD`, and RMSprop with a momentum. Keras multiplies each gradient by the
    rate of its own update, so both part as soon as a schedule changes the rate. Take
    `keras_for_torch.KerasSGD` or `KerasRMSprop`.
    """
    settings: Any = place.optimizer
    schedule = settings._learning_rate
    if not getattr(settings, "momentum", 0) or not isinstance(schedule, LearningRateSchedule):
        return None
    before = float(schedule(max(place.state.iteration - 1, 0)))
    if before == place.rate or place.state.iteration == 0:
        return None
    found = {}
    for name, moved in only(updated(place), "momentum").items():
        old = settings.momentum * place.state.optimizer[name]
        found[name] = moved + old * (place.rate / before - 1)
    return found


@known(
    "Nesterov momentum left out",
    rung="updated weights",
    area="optimizers",
    source="keras/src/optimizers/sgd.py; torch/optim/sgd.py",
)
def nesterov_left_out(place: UpdatePlace) -> Any:
    """The port's gradient descent has plain momentum, where Keras has `nesterov=True`.

    Give the optimizer `nesterov=True`.
    """
    if not _has_momentum(place) or not getattr(place.optimizer, "nesterov", False):
        return None
    return weights_of(place, updated(place, nesterov=False))


@known(
    "Nesterov momentum added",
    rung="updated weights",
    area="optimizers",
    source="keras/src/optimizers/sgd.py; torch/optim/sgd.py",
)
def nesterov_added(place: UpdatePlace) -> Any:
    """The port's gradient descent has Nesterov's momentum, where Keras has the plain one.

    Leave `nesterov=True` out.
    """
    if not _has_momentum(place) or getattr(place.optimizer, "nesterov", True):
        return None
    return weights_of(place, updated(place, nesterov=True))


@known(
    "dampening",
    rung="optimizer state",
    area="optimizers",
    source="torch/optim/sgd.py; keras/src/optimizers/sgd.py",
)
def dampening(place: UpdatePlace) -> Any:
    """The port's `torch.optim.SGD` takes only a part of each new gradient into the momentum.

    Keras has no dampening and takes all of it. Leave `dampening=` out.
    """
    settings: Any = place.optimizer
    part = port_setting(place, "dampening")
    if not part or not _has_momentum(place):
        return None
    kept_out = part if place.state.iteration else 0.0  # PyTorch begins with the whole gradient
    return {
        f"momentum/{name}": settings.momentum * place.slot("momentum", name)
        - (1 - kept_out) * place.rate * gradient
        for name, gradient in place.gradients.items()
    }


@known(
    "a maximum in place of a minimum",
    rung="updated weights",
    area="optimizers",
    source="torch/optim/sgd.py; keras/src/optimizers/sgd.py",
)
def uphill(place: UpdatePlace) -> Any:
    """The port goes up the gradient, by `maximize=True` or a wrong sign.

    Keras always goes down: leave `maximize=True` out, and negate what is to be made larger.
    """
    settings: Any = place.optimizer
    if not isinstance(settings, keras.optimizers.SGD) or settings.momentum:
        return None
    return {
        name: decayed(place, name) + place.rate * gradient
        for name, gradient in place.gradients.items()
    }


def _has_momentum(place: UpdatePlace) -> bool:
    settings: Any = place.optimizer
    return isinstance(settings, keras.optimizers.SGD) and bool(settings.momentum)
