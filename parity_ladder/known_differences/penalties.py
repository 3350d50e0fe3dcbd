"""Known differences in the penalty, the part of the loss that Keras' regularizers add."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from parity_ladder.keras_side.precision import floatx
from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import Array, LossPlace
from parity_ladder.known_differences.whole_loss import with_penalty

_KERAS = "keras/src/regularizers/regularizers.py"
_DECAY = f"{_KERAS}; torch/optim/sgd.py (weight_decay)"


def _of_weights(place: LossPlace) -> dict[str, float]:
    """Return the penalty of each variable that has a regularizer."""
    dtype = place.reference.dtype
    with floatx(dtype):
        return {
            name: float(variable.regularizer(tf.constant(place.state.weights[name], dtype)))
            for name, variable in place.reference.variables.items()
            if variable.regularizer is not None and variable.trainable
        }


def _of_activities(place: LossPlace) -> float:
    """Return the rest of the penalty, which comes from what the layers put out."""
    whole = place.theirs.penalty or 0.0
    rest = whole - sum(_of_weights(place).values())
    return rest if abs(rest) > 1e-9 * abs(whole) else 0.0


def _strengths(place: LossPlace) -> dict[str, float]:
    """Return the strength of each L2 regularizer; empty if a variable has another regularizer."""
    found = {}
    for name in _of_weights(place):
        regularizer: Any = place.reference.variables[name].regularizer
        if getattr(regularizer, "l1", 0) or not isinstance(
            regularizer, keras.regularizers.L2 | keras.regularizers.L1L2
        ):
            return {}
        found[name] = float(regularizer.l2)
    return found


def _squares(array: Array) -> float:
    return float(np.square(array).sum())


def _with_weights(place: LossPlace, value: float) -> Any:
    return with_penalty(place, value + _of_activities(place))


@known("penalty left out", rung="loss", area="losses", source=_DECAY)
def left_out(place: LossPlace) -> Any:
    """The port leaves out the penalty of the weights, of a `kernel_regularizer` for example.

    Give the kernels a parameter group with `weight_decay=2 * l2`, or add it to the loss:
    `loss + l2 * net.dense.weight.square().sum()`. AdamW's weight decay is no penalty.
    """
    return _with_weights(place, 0.0) if any(_of_weights(place).values()) else None


@known("half the penalty", rung="loss", area="losses", source=_DECAY)
def half(place: LossPlace) -> Any:
    """The port's `weight_decay` is Keras' `l2`, and makes half its penalty.

    Keras' penalty is l2 times the sum of squares, whose gradient is 2 * l2 * weight; PyTorch adds
    `weight_decay` * weight to the gradient. Write `weight_decay=2 * l2`.
    """
    if not _strengths(place):
        return None
    return _with_weights(place, sum(_of_weights(place).values()) / 2)


@known("penalty counted twice", rung="loss", area="losses", source=_DECAY)
def twice(place: LossPlace) -> Any:
    """The port counts the penalty of the weights twice, in the loss and as `weight_decay`.

    Keep one of the two: `weight_decay=2 * l2`, or `loss + l2 * weight.square().sum()`.
    """
    whole = sum(_of_weights(place).values())
    return _with_weights(place, 2 * whole) if whole else None


def _all_weights(place: LossPlace) -> float | None:
    """Return the L2 penalty of all trained variables; None if Keras regularizes all already."""
    strengths = _strengths(place)
    others = [name for name in place.pairs.trainable if name not in strengths]
    if len(set(strengths.values())) != 1 or not others:
        return None
    return next(iter(strengths.values())) * sum(
        _squares(place.state.weights[name]) for name in place.pairs.trainable
    )


@known("penalty of all weights", rung="loss", area="losses", source=_DECAY)
def of_all(place: LossPlace) -> Any:
    """The port penalizes all weights, biases too, since `weight_decay` holds for all parameters.

    A `kernel_regularizer` of Keras penalizes the kernel alone. Make two parameter groups:
    `[{"params": kernels, "weight_decay": 2 * l2}, {"params": others, "weight_decay": 0}]`.
    """
    whole = _all_weights(place)
    return None if whole is None else _with_weights(place, whole)


@known("half the penalty, of all weights", rung="loss", area="losses", source=_DECAY)
def half_of_all(place: LossPlace) -> Any:
    """The port's `weight_decay` is Keras' `l2`, and holds for all parameters.

    So the kernels get half of Keras' penalty, and biases get one that they have not in Keras. Make
    two groups: `[{"params": kernels, "weight_decay": 2 * l2}, {"params": others}]`.
    """
    whole = _all_weights(place)
    return None if whole is None else _with_weights(place, whole / 2)


@known("norm not squared in the penalty", rung="loss", area="losses", source=_KERAS)
def norm_not_squared(place: LossPlace) -> Any:
    """The port's penalty is l2 times the norm of the weights, without the square.

    Keras' is l2 times the sum of squares. Write `l2 * weight.square().sum()` in place of
    `l2 * weight.norm()`.
    """
    strengths = _strengths(place)
    if not strengths:
        return None
    norms = {name: np.sqrt(_squares(place.state.weights[name])) for name in strengths}
    return _with_weights(place, sum(strengths[name] * norm for name, norm in norms.items()))


@known("squares in an L1 penalty", rung="loss", area="losses", source=_DECAY)
def squares_for_l1(place: LossPlace) -> Any:
    """The port's penalty is made of squares, and Keras' L1 regularizer adds up magnitudes.

    `weight_decay` is a penalty of squares. Add this one to the loss:
    `loss + l1 * weight.abs().sum()`.
    """
    regularizers = {n: place.reference.variables[n].regularizer for n in _of_weights(place)}
    if not regularizers or not all(
        isinstance(each, keras.regularizers.L1) for each in regularizers.values()
    ):
        return None
    squares = sum(
        float(each.l1) * _squares(place.state.weights[name]) for name, each in regularizers.items()
    )
    return place.nearest([_with_weights(place, squares), _with_weights(place, squares / 2)])


@known(
    "activity regularizer left out",
    rung="loss",
    area="losses",
    source="keras/src/layers/layer.py (activity_regularizer)",
)
def activity_left_out(place: LossPlace) -> Any:
    """The port leaves out the penalty of what layers put out.

    It comes from an `activity_regularizer`, or from a layer's `add_loss`. Add it to the loss, that
    of a regularizer divided by the size of the batch:
    `loss + l2 * hidden.square().sum() / len(hidden)`.
    """
    if not _of_activities(place):
        return None
    return with_penalty(place, sum(_of_weights(place).values()))


@known(
    "activity penalty not divided by the batch",
    rung="loss",
    area="losses",
    source="keras/src/layers/layer.py (activity_regularizer)",
)
def activity_not_divided(place: LossPlace) -> Any:
    """The port's penalty of what layers put out is the sum over the batch.

    Keras divides that of an `activity_regularizer` by the size of the batch. Write
    `l2 * hidden.square().sum() / len(hidden)`.
    """
    activities = _of_activities(place)
    if not activities:
        return None
    size = place.theirs.size or 1
    return with_penalty(place, sum(_of_weights(place).values()) + activities * size)
