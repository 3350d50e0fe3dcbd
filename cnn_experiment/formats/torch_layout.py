"""Convert variables between PyTorch's `state_dict` form and the neutral form, on NumPy arrays.

The neutral layout is Keras'. A conversion only permutes axes, so it changes no value.

| variable       | neutral, Keras           | PyTorch                  |
|----------------|--------------------------|--------------------------|
| conv2d kernel  | (height, width, in, out) | (out, in, height, width) |
| dense kernel   | (in, out)                | (out, in)                |
| bias           | (out,)                   | (out,)                   |

The inputs of the first dense layer are not reordered, because `torch_cnn`'s model flattens feature
maps in Keras' order. To load these weights into a model of your own, use `FlattenAsKeras` there
instead of `nn.Flatten`.
"""

from typing import Any

from numpy.typing import NDArray

_AXES_TO_TORCH = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}
_AXES_TO_NEUTRAL = {1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}
_TORCH_NAMES = {"kernel": "weight", "bias": "bias"}
_NEUTRAL_NAMES = {theirs: neutral for neutral, theirs in _TORCH_NAMES.items()}


def to_torch_layout(variable: NDArray[Any]) -> NDArray[Any]:
    """Return a kernel or bias in Keras' layout as a view in PyTorch's layout."""
    return variable.transpose(_AXES_TO_TORCH[variable.ndim])


def torch_shape(neutral_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape in PyTorch's layout of a kernel or bias with this shape in Keras' layout."""
    return tuple(neutral_shape[axis] for axis in _AXES_TO_TORCH[len(neutral_shape)])


def to_neutral_layout(variable: NDArray[Any]) -> NDArray[Any]:
    """Return a kernel or bias in PyTorch's layout as a view in Keras' layout."""
    return variable.transpose(_AXES_TO_NEUTRAL[variable.ndim])


def torch_name(name: str) -> str:
    """Return PyTorch's name: `conv2d_1.weight` for `conv2d_1/kernel`."""
    layer, _, variable = name.partition("/")
    return f"{layer}.{_TORCH_NAMES[variable]}"


def neutral_name(name: str) -> str:
    """Return the neutral name: `conv2d_1/kernel` for `conv2d_1.weight`."""
    layer, _, variable = name.rpartition(".")
    return f"{layer}/{_NEUTRAL_NAMES[variable]}"
