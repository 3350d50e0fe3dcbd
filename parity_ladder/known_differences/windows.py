"""How convolutions and poolings lay their windows, in Keras and with a mistake.

Padding is a pair of numbers for each axis: so many values before, so many after.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from parity_ladder.known_differences.places import LayerPlace
from parity_ladder.known_differences.recomputing import activated, channels_first, channels_last

_L = keras.layers
DEPTHWISE = (_L.DepthwiseConv1D, _L.DepthwiseConv2D)
SEPARABLE = (_L.SeparableConv1D, _L.SeparableConv2D)
CONVOLUTIONS = (_L.Conv1D, _L.Conv2D, _L.Conv3D, *DEPTHWISE, *SEPARABLE)
MAX_POOLINGS = (_L.MaxPooling1D, _L.MaxPooling2D, _L.MaxPooling3D)
AVERAGE_POOLINGS = (_L.AveragePooling1D, _L.AveragePooling2D, _L.AveragePooling3D)

Array = NDArray[Any]
Pads = Sequence[tuple[int, int]]
_CONVOLVE: Any = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
_MAXIMUM: Any = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}
_AVERAGE: Any = {1: functional.avg_pool1d, 2: functional.avg_pool2d, 3: functional.avg_pool3d}


@dataclass(frozen=True)
class Window:
    """The window of a layer, with a number for each axis of the image."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: str
    """Keras' word: `same`, `valid` or `causal`."""

    def pads(self, lengths: Sequence[int]) -> list[tuple[int, int]]:
        """Return Keras' padding of inputs with these lengths."""
        if self.padding == "valid":
            return [(0, 0) for _ in lengths]
        if self.padding == "causal":
            return [((self.size[0] - 1) * self.dilation[0], 0)]
        found = []
        for length, size, stride, dilation in zip(
            lengths, self.size, self.strides, self.dilation, strict=True
        ):
            reach = (size - 1) * dilation + 1
            whole = max((math.ceil(length / stride) - 1) * stride + reach - length, 0)
            found.append((whole // 2, whole - whole // 2))
        return found


def window_of(layer: keras.layers.Layer) -> Window:
    """Return the window of a convolution or a pooling."""
    if isinstance(layer, CONVOLUTIONS):
        settings = layer.kernel_size, layer.strides, layer.dilation_rate
    else:
        settings = layer.pool_size, layer.strides, (1,) * len(layer.pool_size)
    size, strides, dilation = (tuple(map(int, setting)) for setting in settings)
    return Window(size, strides, dilation, layer.padding)


def lengths(place: LayerPlace) -> tuple[int, ...]:
    """Return the lengths of the layer's input, without batch and channels."""
    return place.inputs[0].shape[1:-1]


def on_both_sides(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Return the padding that PyTorch's layers make of a number for each axis."""
    return [(number, number) for number in numbers]


def padded(values: Tensor, pads: Pads, fill: float = 0.0) -> Tensor:
    """Return a tensor (batch, channels, ...) with `fill` around it."""
    flat = [number for pair in reversed(list(pads)) for number in pair]
    return functional.pad(values, flat, value=fill)


def convolved(
    place: LayerPlace,
    pads: Pads | None = None,
    *,
    strides: Sequence[int] | None = None,
    dilation: Sequence[int] | None = None,
    inputs: Array | None = None,
) -> Array:
    """Return what the convolution makes, before its activation; None stands for Keras' setting."""
    layer, window = place.layer, window_of(place.layer)
    array = place.inputs[0] if inputs is None else inputs
    pads = window.pads(array.shape[1:-1]) if pads is None else pads
    values = padded(channels_first(array), pads)
    kernel = _kernel(place)
    groups = array.shape[-1] if isinstance(layer, (*DEPTHWISE, *SEPARABLE)) else layer.groups
    outputs = _CONVOLVE[len(window.size)](
        values,
        kernel,
        None,
        tuple(strides or window.strides),
        0,
        tuple(dilation or window.dilation),
        groups,
    )
    found = channels_last(outputs)
    if isinstance(layer, SEPARABLE):
        pointwise = place.weights["pointwise_kernel"]
        found = found @ pointwise.reshape(pointwise.shape[-2:])
    return np.asarray(found + place.weights["bias"] if layer.use_bias else found)


def convolution(place: LayerPlace, pads: Pads | None = None, **settings: Any) -> Array:
    """Return what `convolved` returns, after the layer's activation."""
    return activated(place.layer, convolved(place, pads, **settings))


def _kernel(place: LayerPlace) -> Tensor:
    """Return the kernel in PyTorch's layout; of a separable convolution, the first one."""
    weights = place.weights
    if not isinstance(place.layer, (*DEPTHWISE, *SEPARABLE)):
        kernel = np.moveaxis(weights["kernel"], (-1, -2), (0, 1))
        return torch.from_numpy(np.ascontiguousarray(kernel))
    kernel = weights["depthwise_kernel"] if "depthwise_kernel" in weights else weights["kernel"]
    moved = np.moveaxis(kernel, (-2, -1), (0, 1))
    return torch.from_numpy(np.ascontiguousarray(moved).reshape(-1, 1, *moved.shape[2:]))


def pooled(
    place: LayerPlace,
    pads: Pads | None = None,
    *,
    is_max: bool | None = None,
    strides: Sequence[int] | None = None,
    fill: float = -math.inf,
    counts_padding: bool = False,
    rounds_up: bool = False,
) -> Array:
    """Return what the pooling makes; None stands for Keras' setting.

    A maximum pads with `fill`. A mean pads with zeros and, unless it `counts_padding`, leaves them
    out.
    """
    window, values = window_of(place.layer), channels_first(place.inputs[0])
    pads = window.pads(lengths(place)) if pads is None else pads
    is_max = isinstance(place.layer, MAX_POOLINGS) if is_max is None else is_max
    rank, steps = len(window.size), tuple(strides or window.strides)
    if is_max:
        around = padded(values, pads, fill)
        return channels_last(_MAXIMUM[rank](around, window.size, steps, ceil_mode=rounds_up))

    def mean(of: Tensor) -> Tensor:
        found: Tensor = _AVERAGE[rank](padded(of, pads), window.size, steps, ceil_mode=rounds_up)
        return found

    return channels_last(
        mean(values) if counts_padding else mean(values) / mean(torch.ones_like(values))
    )
