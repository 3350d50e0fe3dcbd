"""Known differences in convolutions."""

from typing import Any

import keras
import numpy as np
import torch
from torch.nn import functional

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import LayerPlace
from parity_ladder.known_differences.recomputing import (
    activated,
    channels_first,
    channels_last,
    nearest,
)
from parity_ladder.known_differences.windows import (
    CONVOLUTIONS,
    Window,
    convolution,
    lengths,
    on_both_sides,
    window_of,
)

_L = keras.layers
_BASE = "keras/src/layers/convolutional/base_conv.py; torch/nn/modules/conv.py"
_TRANSPOSED: Any = {
    _L.Conv1DTranspose: functional.conv_transpose1d,
    _L.Conv2DTranspose: functional.conv_transpose2d,
    _L.Conv3DTranspose: functional.conv_transpose3d,
}


def _window(place: LayerPlace) -> Window | None:
    """Return the window of a convolution; None for another layer."""
    return window_of(place.layer) if isinstance(place.layer, CONVOLUTIONS) else None


@known(
    "padding the same on both sides",
    rung="layer outputs",
    area="layers",
    source=f"{_BASE}; pytorch #67551",
)
def symmetric_padding(place: LayerPlace) -> Any:
    """The port pads a strided convolution by the same number on both sides, as `padding=1` does.

    Keras' `same` pads by the size of the input, with the extra pixel at the end. Pad by hand:
    `F.pad(x, (0, 1, 0, 1))` for an even input, a window of 3 and a stride of 2.
    """
    window = _window(place)
    if window is None or window.padding != "same" or max(window.strides) == 1:
        return None
    numbers = [(n - 1) * d // 2 for n, d in zip(window.size, window.dilation, strict=True)]
    return convolution(place, on_both_sides(numbers)) if any(numbers) else None


@known("padding left out", rung="layer outputs", area="layers", source=_BASE)
def no_padding(place: LayerPlace) -> Any:
    """The port's convolution does not pad, as PyTorch's do unless they are told to.

    Keras' layer pads (`padding="same"` or `"causal"`). Without a stride, write
    `nn.Conv2d(..., padding="same")`; with one, pad by hand with `F.pad`; before a causal one,
    `F.pad(x, (dilation * (window - 1), 0))`.
    """
    window = _window(place)
    if window is None or not np.any(window.pads(lengths(place))):
        return None
    return convolution(place, on_both_sides([0] * len(window.size)))


@known(
    "even window padded by its half on both sides",
    rung="layer outputs",
    area="layers",
    source=f"{_BASE}; pytorch #3867",
)
def half_of_an_even_window(place: LayerPlace) -> Any:
    """The port pads by `padding=kernel_size // 2`, though the window is even: that is one too many.

    Keras' `same` pads `kernel_size - 1` values in all. Write `padding="same"`, which agrees with
    Keras where there is no stride; with one, pad by hand: `F.pad(x, (left, right, top, bottom))`.
    """
    window = _window(place)
    if window is None or not _is_even_and_same(window):
        return None
    return convolution(place, on_both_sides([n // 2 for n in window.size]))


@known(
    "even window cropped at the wrong end",
    rung="layer outputs",
    area="layers",
    source=f"{_BASE}; pytorch #3867",
)
def cropped_at_the_end(place: LayerPlace) -> Any:
    """The port pads an even window by `kernel_size // 2` and cuts off the last output.

    So its window begins a pixel too early: Keras' `same` has the extra pixel at the end. Write
    `padding="same"`, or cut off the first row and column: `x[:, :, 1:, 1:]`.
    """
    window = _window(place)
    if window is None or not _is_even_and_same(window) or max(window.strides) > 1:
        return None
    return convolution(place, [(n // 2, (n - 1) // 2) for n in window.size])


def _is_even_and_same(window: Window) -> bool:
    even = any(n % 2 == 0 for n in window.size)
    return even and window.padding == "same" and max(window.dilation) == 1


@known("dilation left out", rung="layer outputs", area="layers", source=_BASE)
def no_dilation(place: LayerPlace) -> Any:
    """The port's convolution is not dilated; the kernel has the same shape with and without.

    Write the layer's `dilation_rate` as `nn.Conv2d(..., dilation=dilation_rate)`.
    """
    window = _window(place)
    if window is None or max(window.dilation) == 1:
        return None
    ones = (1,) * len(window.size)
    undilated = Window(window.size, window.strides, ones, window.padding)
    pads = undilated.pads(lengths(place)), window.pads(lengths(place))
    return nearest(place.ours, [convolution(place, each, dilation=ones) for each in pads])


@known("stride left out", rung="layer outputs", area="layers", source=_BASE)
def no_stride(place: LayerPlace) -> Any:
    """The port's convolution moves its window by 1.

    Write the layer's `strides` as `nn.Conv2d(..., stride=strides)`.
    """
    window = _window(place)
    if window is None or max(window.strides) == 1:
        return None
    ones = (1,) * len(window.size)
    by_one = Window(window.size, ones, window.dilation, window.padding)
    pads = by_one.pads(lengths(place)), window.pads(lengths(place))
    return nearest(place.ours, [convolution(place, each, strides=ones) for each in pads])


@known(
    "causal padding on both sides",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/convolutional/conv1d.py; torch/nn/modules/conv.py",
)
def causal_on_both_sides(place: LayerPlace) -> Any:
    """The port pads a causal convolution on both sides, so it sees the future.

    PyTorch's `padding=` always pads both ends. Pad the front alone:
    `F.pad(x, (dilation * (kernel_size - 1), 0))`, and leave `padding` out.
    """
    window = _window(place)
    if window is None or window.padding != "causal":
        return None
    whole = (window.size[0] - 1) * window.dilation[0]
    pads: list[list[tuple[int, int]]] = [[(whole // 2, whole - whole // 2)], [(whole, whole)]]
    return nearest(place.ours, [convolution(place, each) for each in pads])


@known(
    "transposed convolution cut at both ends",
    rung="layer outputs",
    area="layers",
    source="keras/src/backend/common/backend_utils.py; torch/nn/modules/conv.py; keras #22876",
)
def shifted_transpose(place: LayerPlace) -> Any:
    """The port's transposed convolution has `output_padding=1`: the right shape, shifted by one.

    Keras' `same` cuts the extra pixel off at the end. Write `nn.ConvTranspose2d` without `padding`
    and `output_padding`, and keep `[:, :, :strides * height, :strides * width]`, for a window that
    is one wider than its stride.
    """
    layer = place.layer
    kind = next((kind for kind in _TRANSPOSED if isinstance(layer, kind)), None)
    if kind is None or layer.padding != "same" or max(layer.dilation_rate) > 1:
        return None
    apart = [size - stride for size, stride in zip(layer.kernel_size, layer.strides, strict=True)]
    padding = [-(-each // 2) for each in apart]
    extra = [2 * each - less for each, less in zip(padding, apart, strict=True)]
    if min(apart) < 0 or not any(extra):
        return None
    kernel = np.moveaxis(place.weights["kernel"], (-1, -2), (0, 1))
    bias = torch.from_numpy(place.weights["bias"]) if layer.use_bias else None
    outputs = _TRANSPOSED[kind](
        channels_first(place.inputs[0]),
        torch.from_numpy(np.ascontiguousarray(kernel)),
        bias,
        layer.strides,
        padding,
        extra,
    )
    return activated(layer, channels_last(outputs))
