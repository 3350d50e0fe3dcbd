"""Known differences in what an optimizer keeps: they show before the first update."""

from typing import Any

import keras
import numpy as np
from torch import optim

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import UpdatePlace
from parity_ladder.known_differences.port_settings import port_setting

_FAMILIES: tuple[tuple[tuple[type[keras.optimizers.Optimizer], ...], tuple[str, ...]], ...] = (
    ((keras.optimizers.Adam,), ("Adam", "AdamW")),
    ((keras.optimizers.Nadam,), ("NAdam", "Nadam")),
    ((keras.optimizers.Adamax,), ("Adamax",)),
    ((keras.optimizers.RMSprop,), ("RMSprop",)),
    ((keras.optimizers.SGD,), ("SGD",)),
    ((keras.optimizers.Adagrad,), ("Adagrad",)),
    ((keras.optimizers.Adadelta,), ("Adadelta",)),
    ((keras.optimizers.Adafactor,), ("Adafactor",)),
    ((keras.optimizers.Muon,), ("Muon",)),
)
"""Keras' optimizers, each with the names of those in PyTorch and `keras_for_torch`."""
_ALL = {name for _, names in _FAMILIES for name in names}


@known(
    "another optimizer",
    rung="initial optimizer state",
    area="optimizers",
    source="keras/src/optimizers/; torch/optim/",
)
def another_optimizer(place: UpdatePlace) -> Any:
    """The port trains with another kind of optimizer than the Keras model was compiled with.

    Take the one of the same name from `keras_for_torch`, with the settings of the Keras model.
    """
    ours = _name(place.ports_optimizer)
    for made, names in _FAMILIES:
        if isinstance(place.optimizer, made):
            return (ours in _ALL and ours not in names) or None
    return None


@known(
    "AMSGrad left out",
    rung="initial optimizer state",
    area="optimizers",
    source="keras/src/optimizers/adam.py; torch/optim/adam.py",
)
def amsgrad_left_out(place: UpdatePlace) -> Any:
    """The port's Adam divides by the present velocity, where Keras has `amsgrad=True`.

    Give the optimizer `amsgrad=True`.
    """
    return _lacks(place, "velocity_hat")


@known(
    "AMSGrad added",
    rung="initial optimizer state",
    area="optimizers",
    source="keras/src/optimizers/adam.py; torch/optim/adam.py",
)
def amsgrad_added(place: UpdatePlace) -> Any:
    """The port's Adam keeps the largest velocity (`amsgrad=True`), where Keras does not.

    Leave `amsgrad=True` out.
    """
    return _adds(place, "velocity_hat")


@known(
    "centering left out in RMSprop",
    rung="initial optimizer state",
    area="optimizers",
    source="keras/src/optimizers/rmsprop.py; torch/optim/rmsprop.py",
)
def centering_left_out(place: UpdatePlace) -> Any:
    """The port's RMSprop divides by the mean square, where Keras has `centered=True`.

    Give `torch.optim.RMSprop` `centered=True`; its epsilon is outside the root, so add Keras'
    epsilon below it in an optimizer of your own.
    """
    return _lacks(place, "average_gradient")


@known(
    "centering added in RMSprop",
    rung="initial optimizer state",
    area="optimizers",
    source="keras/src/optimizers/rmsprop.py; torch/optim/rmsprop.py",
)
def centering_added(place: UpdatePlace) -> Any:
    """The port's RMSprop subtracts the mean gradient (`centered=True`), where Keras does not.

    Leave `centered=True` out.
    """
    return _adds(place, "average_gradient")


@known(
    "momentum left out",
    rung="initial optimizer state",
    area="optimizers",
    source="keras/src/optimizers/sgd.py, rmsprop.py; torch/optim/sgd.py, rmsprop.py",
)
def momentum_left_out(place: UpdatePlace) -> Any:
    """The port's SGD or RMSprop has no momentum, where Keras has `momentum=`.

    Give the optimizer the `momentum` of the Keras model.
    """
    return _lacks(place, "momentum") if _may_have_momentum(place) else None


@known(
    "momentum added",
    rung="initial optimizer state",
    area="optimizers",
    source="keras/src/optimizers/sgd.py, rmsprop.py; torch/optim/sgd.py, rmsprop.py",
)
def momentum_added(place: UpdatePlace) -> Any:
    """The port's SGD or RMSprop has a momentum, where Keras has none.

    Leave `momentum=` out.
    """
    return _adds(place, "momentum") if _may_have_momentum(place) else None


@known(
    "moving average of the weights left out",
    rung="initial optimizer state",
    area="optimizers",
    source="keras/src/optimizers/base_optimizer.py; torch/optim/swa_utils.py",
)
def moving_average_left_out(place: UpdatePlace) -> Any:
    """The port keeps no moving average of its weights, where Keras has `use_ema=True`.

    Keras puts the average in the place of the weights at the end of `fit`. Keep one by
    `torch.optim.swa_utils.AveragedModel`, which begins as a copy after the first update.
    """
    return (getattr(place.optimizer, "use_ema", False) and "average" in place.array) or None


@known(
    "another start of the accumulator in Adagrad",
    rung="initial optimizer state",
    area="optimizers",
    source="keras/src/optimizers/adagrad.py; torch/optim/adagrad.py",
)
def another_start(place: UpdatePlace) -> Any:
    """The port's Adagrad begins with another sum of squares than Keras, which takes 0.1.

    PyTorch begins at 0: give it `initial_accumulator_value=0.1`, or take
    `keras_for_torch.KerasAdagrad`, whose epsilon is Keras', too.
    """
    if not isinstance(place.optimizer, keras.optimizers.Adagrad):
        return None
    value = port_setting(place, "initial_accumulator_value")
    if value is None or value == place.optimizer.initial_accumulator_value:
        return None
    return {
        f"accumulator/{name}": np.full(np.shape(gradient), value)
        for name, gradient in place.gradients.items()
    }


def _same_kind(place: UpdatePlace) -> bool:
    """Return whether both optimizers are of one kind; one of the port's own is of none."""
    ours = _name(place.ports_optimizer)
    return any(isinstance(place.optimizer, made) and ours in names for made, names in _FAMILIES)


def _name(optimizer: optim.Optimizer) -> str:
    return type(optimizer).__name__.removeprefix("Keras")


def _lacks(place: UpdatePlace, slot: str) -> bool | None:
    """Return whether Keras keeps such a slot and the port is known not to."""
    is_there = place.array in place.state.optimizer and place.array.startswith(f"{slot}/")
    return (is_there and _same_kind(place) and not _kept(place, slot)) or None


def _adds(place: UpdatePlace, slot: str) -> bool | None:
    """Return whether the port keeps such a slot and Keras does not."""
    is_there = place.array not in place.state.optimizer and place.array.startswith(f"{slot}/")
    return (is_there and _same_kind(place)) or None


def _kept(place: UpdatePlace, slot: str) -> bool:
    ours = place.port.optimizer_before_training() or {}
    return any(name.startswith(f"{slot}/") for name in ours)


def _may_have_momentum(place: UpdatePlace) -> bool:
    return isinstance(place.optimizer, keras.optimizers.SGD | keras.optimizers.RMSprop)
