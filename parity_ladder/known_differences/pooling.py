"""Known differences in pooling."""

from typing import Any

import keras
import numpy as np

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import LayerPlace
from parity_ladder.known_differences.windows import (
    AVERAGE_POOLINGS,
    MAX_POOLINGS,
    Window,
    lengths,
    on_both_sides,
    pooled,
    window_of,
)

_L = keras.layers
_BASE = "keras/src/layers/pooling/base_pooling.py; torch/nn/modules/pooling.py"
_GLOBAL_MAX = (_L.GlobalMaxPooling1D, _L.GlobalMaxPooling2D, _L.GlobalMaxPooling3D)
_GLOBAL_AVERAGE = (
    _L.GlobalAveragePooling1D,
    _L.GlobalAveragePooling2D,
    _L.GlobalAveragePooling3D,
)


def _window(place: LayerPlace, kinds: Any = (*MAX_POOLINGS, *AVERAGE_POOLINGS)) -> Window | None:
    """Return the window of a pooling of these kinds; None for another layer."""
    return window_of(place.layer) if isinstance(place.layer, kinds) else None


def _pads_unlike(place: LayerPlace, window: Window) -> list[tuple[int, int]] | None:
    """Return the usual padding of PyTorch, half the window; None where Keras' is like it."""
    pads = window.pads(lengths(place))
    both = on_both_sides([n // 2 for n in window.size])
    return None if window.padding != "same" or pads == both or not np.any(pads) else both


@known("maximum over zeros", rung="layer outputs", area="layers", source=_BASE)
def zeros_in_the_maximum(place: LayerPlace) -> Any:
    """The port's max pooling pads with zeros, which are larger than negative values.

    Keras pads with minus infinity. Write `F.pad(x, pads, value=float("-inf"))` before it.
    """
    window = _window(place, MAX_POOLINGS)
    if window is None or not np.any(window.pads(lengths(place))):
        return None
    return pooled(place, fill=0.0)


@known("max pooling padded on both sides", rung="layer outputs", area="layers", source=_BASE)
def symmetric_maximum(place: LayerPlace) -> Any:
    """The port's max pooling pads by the same number on both sides, as `nn.MaxPool2d(3, 2, 1)`.

    Keras' `same` pads by the size of the input, with the extra pixel at the end. Pad by hand,
    `F.pad(x, (0, 1, 0, 1), value=float("-inf"))` for an even input, a window of 3 and a stride of
    2; or take `ceil_mode=True` where Keras pads at the end alone.
    """
    window = _window(place, MAX_POOLINGS)
    both = None if window is None else _pads_unlike(place, window)
    return None if both is None else pooled(place, both)


@known("mean over the padding", rung="layer outputs", area="layers", source=_BASE)
def counted_padding(place: LayerPlace) -> Any:
    """The port's average pooling counts the padding, as PyTorch's does unless it is told not to.

    Keras takes the mean of the pixels within the image. Write `count_include_pad=False`, or
    `ceil_mode=True` in place of a padding at the end alone.
    """
    window = _window(place, AVERAGE_POOLINGS)
    if window is None or not np.any(window.pads(lengths(place))):
        return None
    return pooled(place, counts_padding=True)


@known("average pooling padded on both sides", rung="layer outputs", area="layers", source=_BASE)
def symmetric_mean(place: LayerPlace) -> Any:
    """The port's average pooling pads both sides, and counts the padding: `nn.AvgPool2d(3, 2, 1)`.

    Keras' `same` pads by the size of the input, the extra pixel at the end, and counts none of it.
    Where Keras pads at the end alone, `nn.AvgPool2d(3, 2, ceil_mode=True)` does the same.
    """
    window = _window(place, AVERAGE_POOLINGS)
    both = None if window is None else _pads_unlike(place, window)
    return None if both is None else pooled(place, both, counts_padding=True)


@known(
    "average pooling padded on both sides, not counted",
    rung="layer outputs",
    area="layers",
    source=_BASE,
)
def symmetric_uncounted_mean(place: LayerPlace) -> Any:
    """The port's average pooling pads by the same number on both sides, though it counts none.

    Keras' `same` pads by the size of the input, the extra pixel at the end. Where Keras pads at the
    end alone, `nn.AvgPool2d(3, 2, ceil_mode=True)` does the same.
    """
    window = _window(place, AVERAGE_POOLINGS)
    both = None if window is None else _pads_unlike(place, window)
    return None if both is None else pooled(place, both)


@known("pooling without its padding", rung="layer outputs", area="layers", source=_BASE)
def no_padding(place: LayerPlace) -> Any:
    """The port's pooling does not pad, and leaves out the last row and column.

    Keras' layer pads (`padding="same"`). Where it pads at the end alone, as a window of 2 does,
    write `ceil_mode=True`; otherwise pad by hand, with `value=float("-inf")` before a maximum.
    """
    window = _window(place)
    if window is None or not np.any(window.pads(lengths(place))):
        return None
    return pooled(place, on_both_sides([0] * len(window.size)))


@known("ceil_mode in a pooling", rung="layer outputs", area="layers", source=_BASE)
def rounded_up(place: LayerPlace) -> Any:
    """The port's pooling has `ceil_mode=True`, so a last window reaches over the edge.

    Keras' `valid` leaves such a window out. Write `ceil_mode=False`, PyTorch's default.
    """
    window = _window(place)
    if window is None or window.padding != "valid":
        return None
    return pooled(place, rounds_up=True)


@known("pooling by its window's size", rung="layer outputs", area="layers", source=_BASE)
def stride_of_the_window(place: LayerPlace) -> Any:
    """The port's pooling moves by the size of its window, PyTorch's default.

    Keras' layer has `strides` of its own. Write `nn.MaxPool2d(pool_size, strides)`.
    """
    window = _window(place)
    if window is None or window.strides == window.size:
        return None
    own = Window(window.size, window.size, window.dilation, window.padding)
    return pooled(place, own.pads(lengths(place)), strides=window.size)


@known(
    "maximum and mean exchanged",
    rung="layer outputs",
    area="layers",
    source=f"{_BASE}; keras/src/layers/pooling/base_global_pooling.py",
)
def other_kind(place: LayerPlace) -> Any:
    """The port takes the maximum where Keras' pooling takes the mean, or the mean for a maximum.

    For `GlobalAveragePooling2D` write `x.mean((2, 3))`, for `GlobalMaxPooling2D` `x.amax((2, 3))`;
    for the others `nn.AvgPool2d` and `nn.MaxPool2d`.
    """
    layer, inputs = place.layer, place.inputs[0]
    axes = tuple(range(1, inputs.ndim - 1))
    if isinstance(layer, _GLOBAL_MAX):
        return inputs.mean(axes, keepdims=layer.keepdims)
    if isinstance(layer, _GLOBAL_AVERAGE):
        return inputs.max(axes, keepdims=layer.keepdims)
    if _window(place) is None:
        return None
    return pooled(place, is_max=not isinstance(layer, MAX_POOLINGS))
