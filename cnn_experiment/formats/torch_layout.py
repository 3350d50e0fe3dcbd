"""Names and layout of a `state_dict` of PyTorch, from and to the neutral ones, which are Keras'.

Every step is a pure copy, of NumPy arrays.

| variable       | neutral, Keras           | PyTorch                  |
|----------------|--------------------------|--------------------------|
| conv2d kernel  | (height, width, in, out) | (out, in, height, width) |
| dense kernel   | (in, out)                | (out, in)                |
| bias           | (out,)                   | (out,)                   |

The order of a flattened image needs no change here, since the model flattens as Keras does: a port
of your own needs `FlattenAsKeras` in the place of `nn.Flatten` to take these weights.
"""

from typing import Any

from numpy.typing import NDArray

_AXES_TO_TORCH = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}
_AXES_TO_NEUTRAL = {1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}
_TORCH_NAMES = {"kernel": "weight", "bias": "bias"}
_NEUTRAL_NAMES = {theirs: neutral for neutral, theirs in _TORCH_NAMES.items()}


def to_torch_layout(variable: NDArray[Any]) -> NDArray[Any]:
    """A kernel or bias in Keras' layout as a view in PyTorch's."""
    return variable.transpose(_AXES_TO_TORCH[variable.ndim])


def torch_shape(neutral_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape in PyTorch's layout of a kernel or bias of this shape in Keras'."""
    return tuple(neutral_shape[axis] for axis in _AXES_TO_TORCH[len(neutral_shape)])


def to_neutral_layout(variable: NDArray[Any]) -> NDArray[Any]:
    """A kernel or bias in PyTorch's layout as a view in Keras'."""
    return variable.transpose(_AXES_TO_NEUTRAL[variable.ndim])


def torch_name(name: str) -> str:
    """`conv2d_1/kernel` as PyTorch's `conv2d_1.weight`."""
    layer, _, variable = name.partition("/")
    return f"{layer}.{_TORCH_NAMES[variable]}"


def neutral_name(name: str) -> str:
    """`conv2d_1.weight` as the neutral `conv2d_1/kernel`."""
    layer, _, variable = name.rpartition(".")
    return f"{layer}/{_NEUTRAL_NAMES[variable]}"
