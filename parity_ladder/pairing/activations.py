"""Which output of the port is which layer's, by their values, in whatever order of axes."""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
SAME = 1e-6
"""Two outputs are the same if they differ relatively by less: gelu differs by 5e-9 in float64."""


@dataclass(frozen=True)
class Axes:
    """How an output of the port becomes one of Keras': its axes moved, then reshaped."""

    order: tuple[int, ...]
    shape: tuple[int, ...]
    """The shape in Keras; the batch may have another size."""

    def to_keras(self, array: Array) -> Array:
        """Return an array of the port in the layout of Keras."""
        moved = array.transpose(self.order)
        return moved.reshape(len_first(moved, self.shape))

    def to_port(self, array: Array, shape: tuple[int, ...]) -> Array:
        """Return an array of Keras in the layout of the port, in which it has this shape."""
        moved = array.reshape([shape[axis] for axis in self.order])
        return moved.transpose(np.argsort(self.order))

    def ports_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape in the port of an array with this shape in Keras, of as many axes."""
        return tuple(shape[axis] for axis in np.argsort(self.order))


def len_first(array: Array, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return `shape` with its first axis as long as `array` needs it, if that is possible."""
    rest = math.prod(shape[1:])
    return (array.size // rest, *shape[1:]) if rest and array.size % rest == 0 else array.shape


def axes_between(theirs: Array, ours: Array) -> Axes | None:
    """Return how `ours` becomes `theirs`; None if they are not the same in any order of axes.

    None, too, if `theirs` is nothing but zeros, as behind a ReLU that passes nothing on: what goes
    into an activation would be the same as what comes out.
    """
    if theirs.size != ours.size or not theirs.size or ours.ndim > 5:
        return None
    scale = float(np.abs(theirs).max())
    if scale == 0 or not math.isfinite(scale) or abs(np.abs(ours).max() - scale) > SAME * scale:
        return None
    for order in itertools.permutations(range(ours.ndim)):
        there = ours.transpose(order).reshape(theirs.shape)
        if np.abs(there - theirs).max() <= SAME * scale:
            return Axes(order, theirs.shape)
    return None


def likely_axes(theirs: Array, ours: Array, *, channels_first: bool) -> Axes:
    """Return how an output of the port probably lies, where its values are not the same.

    Keras may split an axis of it, such as that of all features into heads and theirs.
    """
    last = (0, *range(2, ours.ndim), 1)
    as_it_is = tuple(range(ours.ndim))
    orders = [last, as_it_is] if channels_first and ours.ndim > 2 else [as_it_is, last]
    for order in orders[: 2 if ours.ndim > 2 else 1]:
        if ours.transpose(order).shape == theirs.shape:
            return Axes(order, theirs.shape)
    order = orders[0]
    is_split = ours.ndim < theirs.ndim and ours.size == theirs.size
    return Axes(order, theirs.shape if is_split else ours.transpose(order).shape)
