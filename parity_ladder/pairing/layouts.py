"""The layouts between a Keras variable and a PyTorch tensor, by the kind of their layer."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """How a Keras variable lies in a PyTorch tensor. The two functions undo each other."""

    text: str
    """For the reader of a table, such as `(in, out) -> (out, in)`."""
    to_torch: Callable[[Array], Array]
    to_keras: Callable[[Array], Array]


def layout_of(kind: str, role: str, theirs: Shape, ours: Shape) -> Layout | None:
    """Return the layout of a variable, or None if the two shapes do not go with each other.

    `kind` is the kind of the layer, such as `conv`, and `role` is Keras' name of the variable, such
    as `kernel`. `theirs` is the shape in Keras and `ours` the shape in PyTorch.
    """
    if math.prod(theirs) != math.prod(ours):
        return None
    if not kind and theirs == ours:
        return _as_it_is()
    if not kind and longer_axes(theirs) == longer_axes(ours):
        return _reshaped(theirs, ours)
    if kind == "gru" and role.startswith("bias/"):
        return _gates("(z, r, h) -> (r, z, n)", theirs, ours)
    role = role.rpartition("/")[2]
    if kind == "gru" and role == "bias" and len(theirs) == 1:
        return _gates("(z, r, h) -> (r, z, n)", theirs, ours)
    if role in {"kernel", "recurrent_kernel"} and kind in {"lstm", "gru", "rnn"}:
        return _recurrent(kind, theirs, ours)
    if role == "kernel":
        return _kernel(kind, theirs, ours)
    if theirs == ours:
        return _as_it_is()
    if kind == "embedding":
        return None
    return _reshaped(theirs, ours)


def layout_of_view(axes: Sequence[int], theirs: Shape, ours: Shape) -> Layout | None:
    """Return the layout of a variable that is a tensor with its axes in this order."""
    if tuple(ours[axis] for axis in axes) != theirs:
        return None
    to_torch = tuple(int(axis) for axis in np.argsort(axes))
    return Layout(
        f"the tensor's axes {tuple(axes)}",
        lambda a: a.transpose(to_torch),
        lambda a: a.transpose(axes),
    )


def shape_in_keras(kind: str, role: str, ours: Shape) -> Shape:
    """Return a tensor's shape with its axes in Keras' order, where a layout only moves axes."""
    if role.rpartition("/")[2] not in {"kernel", "recurrent_kernel"} or len(ours) < 2:
        return ours
    window = ours[2:] if kind in {"conv", "conv_transpose", "depthwise"} else ()
    return (*window, *reversed(ours[: len(ours) - len(window)]))


def longer_axes(shape: Shape) -> Shape:
    """Return a shape without its axes of length 1."""
    return tuple(n for n in shape if n != 1)


def _as_it_is() -> Layout:
    return Layout("as it is", lambda a: a, lambda a: a)


def _kernel(kind: str, theirs: Shape, ours: Shape) -> Layout | None:
    if kind == "depthwise":
        return _depthwise(theirs, ours)
    if kind in {"conv", "conv_transpose"} and len(theirs) == len(ours):
        layout = _last_two_first(kind, len(theirs))
        if _moved(theirs, layout) == ours:
            return layout
    return _dense(theirs, ours)


def _moved(theirs: Shape, layout: Layout) -> Shape:
    return layout.to_torch(np.empty(theirs, np.int8)).shape


def _last_two_first(kind: str, rank: int) -> Layout:
    """Return the layout of a convolution: (..., a, b) in Keras is (b, a, ...) in PyTorch."""
    to_torch = (rank - 1, rank - 2, *range(rank - 2))
    to_keras = tuple(int(axis) for axis in np.argsort(to_torch))
    window = ("h", "w", "d")[: rank - 2] if rank < 5 else ("d", "h", "w")
    two = ("in", "out") if kind == "conv" else ("out", "in")
    text = f"({', '.join((*window, *two))}) -> ({', '.join((*reversed(two), *window))})"
    return Layout(text, lambda a: a.transpose(to_torch), lambda a: a.transpose(to_keras))


def _depthwise(theirs: Shape, ours: Shape) -> Layout | None:
    """Return the layout of (..., in, multiplier) in Keras and (in * multiplier, 1, ...)."""
    rank = len(theirs)
    to_torch = (rank - 2, rank - 1, *range(rank - 2))
    middle = tuple(theirs[axis] for axis in to_torch)
    if ours != (middle[0] * middle[1], 1, *middle[2:]):
        return None
    to_keras = tuple(int(axis) for axis in np.argsort(to_torch))
    return Layout(
        "(..., in, multiplier) -> (in * multiplier, 1, ...)",
        lambda a: a.transpose(to_torch).reshape(ours),
        lambda a: a.reshape(middle).transpose(to_keras),
    )


def _dense(theirs: Shape, ours: Shape) -> Layout | None:
    """Return the layout of a matrix, which may be held in more than two axes on either side.

    Such are the heads of an attention, (in, heads, size) or (heads, size, out) in Keras, and a
    convolution with a window of 1.
    """
    if len(ours) < 2 or math.prod(ours[2:]) != 1:
        return None
    out, into = ours[:2]
    splits = [at for at in range(1, len(theirs)) if math.prod(theirs[:at]) == into]
    if not splits:
        return None
    text = "(in, out) -> (out, in)" if len(theirs) == 2 else f"{theirs} -> {ours}, transposed"
    return Layout(
        text,
        lambda a: a.reshape(into, out).T.reshape(ours),
        lambda a: a.reshape(out, into).T.reshape(theirs),
    )


def _recurrent(kind: str, theirs: Shape, ours: Shape) -> Layout | None:
    if len(theirs) != 2 or theirs != ours[::-1]:
        return None
    if kind != "gru":
        return Layout("(in, gates) -> (gates, in)", lambda a: a.T, lambda a: a.T)
    gates = _gates("", ours, ours)
    return Layout(
        "(in, z r h) -> (r z n, in)",
        lambda a: gates.to_torch(a.T),
        lambda a: gates.to_keras(a).T,
    )


def _gates(text: str, theirs: Shape, ours: Shape) -> Layout:
    """Return the layout of the gates of a GRU: the first two of three blocks change places."""

    def exchanged(array: Array) -> Array:
        update, reset, new = np.split(array, 3)
        return np.concatenate([reset, update, new])

    return Layout(
        text,
        lambda a: exchanged(a.reshape(ours)),
        lambda a: exchanged(a.reshape(ours)).reshape(theirs),
    )


def _reshaped(theirs: Shape, ours: Shape) -> Layout | None:
    """Return the layout of a variable that is no kernel, such as PReLU's slopes (h, w, channels).

    Axes of length 1 may be missing on either side, two axes may be held as one, and the channels,
    which are last in Keras, may be first in PyTorch.
    """
    their_axes, our_axes = longer_axes(theirs), longer_axes(ours)
    if their_axes == our_axes or sorted((len(theirs), len(ours))) == [1, 2]:
        text = f"{theirs} -> {ours}"
        return Layout(text, lambda a: a.reshape(ours), lambda a: a.reshape(theirs))
    if our_axes != their_axes[-1:] + their_axes[:-1]:
        return None
    return Layout(
        "(..., channels) -> (channels, ...)",
        lambda a: np.moveaxis(a.reshape(their_axes), -1, 0).reshape(ours),
        lambda a: np.moveaxis(a.reshape(our_axes), 0, -1).reshape(theirs),
    )
