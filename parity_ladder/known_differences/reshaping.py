"""Known differences in layers that move, cut or join values, or rescale them."""

import itertools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import LayerPlace
from parity_ladder.known_differences.rebuilding import of_other_inputs
from parity_ladder.known_differences.recomputing import nearest
from parity_ladder.known_differences.windows import CONVOLUTIONS, Pads, convolution, on_both_sides

_L = keras.layers
_PADDINGS = _L.ZeroPadding1D | _L.ZeroPadding2D | _L.ZeroPadding3D
_CROPPINGS = _L.Cropping1D | _L.Cropping2D | _L.Cropping3D
_PAD = "keras/src/layers/reshaping/zero_padding2d.py; torch/nn/functional.py"


@known(
    "flatten with channels first",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/reshaping/flatten.py; torch/nn/modules/flatten.py",
)
def flatten_order(place: LayerPlace) -> Any:
    """The port flattens its maps channel by channel, so the dense layer gets other values.

    Keras flattens them pixel by pixel. Write `x.permute(0, 2, 3, 1).flatten(1)`.
    """
    inputs = place.inputs[0]
    flat = [
        call
        for call in place.calls
        if isinstance(call.layer, _L.Flatten) and call.outputs[0].shape == inputs.shape
    ]
    if not isinstance(place.layer, _L.Dense) or not flat:
        return None
    maps = inputs.reshape(flat[-1].inputs[0].shape)
    return of_other_inputs(place, np.moveaxis(maps, -1, 1).reshape(inputs.shape))


def _pairs(numbers: Any) -> list[tuple[int, int]]:
    """Return the numbers before and after on each axis; those of one axis are a single pair."""
    return [numbers] if isinstance(numbers[0], int) else list(numbers)


def _with_zeros(array: NDArray[Any], pads: Pads) -> NDArray[Any]:
    return np.pad(array, [(0, 0), *pads, (0, 0)])


@known("zeros at the other side", rung="layer outputs", area="layers", source=_PAD)
def mirrored_padding(place: LayerPlace) -> Any:
    """The port pads the other side: before the first pixel what Keras pads after the last.

    `F.pad` takes the numbers as `(left, right, top, bottom)`; `((0, 1), (0, 1))` in Keras is
    `F.pad(x, (0, 1, 0, 1))`.
    """
    if not isinstance(place.layer, _PADDINGS):
        return None
    pads = _pairs(place.layer.padding)
    mirrored = [(after, before) for before, after in pads]
    return None if mirrored == pads else _with_zeros(place.inputs[0], mirrored)


@known("zeros with the axes exchanged", rung="layer outputs", area="layers", source=_PAD)
def exchanged_padding(place: LayerPlace) -> Any:
    """The port gives `F.pad` the numbers of height and width in Keras' order of axes.

    `F.pad` begins with the last axis: `((top, bottom), (left, right))` in Keras is
    `F.pad(x, (left, right, top, bottom))`.
    """
    if not isinstance(place.layer, _PADDINGS):
        return None
    pads = _pairs(place.layer.padding)
    exchanged = pads[::-1]
    if exchanged in (pads, [(after, before) for before, after in pads]):
        return None
    return _with_zeros(place.inputs[0], exchanged)


@known(
    "zeros left to the convolution",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/reshaping/zero_padding2d.py; torch/nn/modules/conv.py",
)
def padding_in_the_convolution(place: LayerPlace) -> Any:
    """The port leaves the zeros of a `ZeroPadding` to its convolution, which pads both sides alike.

    The Keras layer pads one side more than the other. Write it out: `F.pad(x, (0, 1, 0, 1))` before
    a convolution without padding.
    """
    maker = place.maker()
    if not isinstance(place.layer, CONVOLUTIONS) or maker is None:
        return None
    if place.layer.padding != "valid" or not isinstance(maker.layer, _PADDINGS):
        return None
    pads = _pairs(maker.layer.padding)
    both = on_both_sides([max(pair) for pair in pads])
    if both == pads:
        return None
    return convolution(place, both, inputs=maker.inputs[0])


@known(
    "cropped at the other side",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/reshaping/cropping2d.py",
)
def mirrored_cropping(place: LayerPlace) -> Any:
    """The port cuts off at the other side: before the first pixel what Keras cuts after the last.

    `Cropping2D(((top, bottom), (left, right)))` is `x[:, :, top : height - bottom, left : width -
    right]`.
    """
    if not isinstance(place.layer, _CROPPINGS):
        return None
    pairs = _pairs(place.layer.cropping)
    if all(before == after for before, after in pairs):
        return None
    array = place.inputs[0]
    slices = [
        slice(after, length - before)
        for (before, after), length in zip(pairs, array.shape[1:-1], strict=True)
    ]
    return array[(slice(None), *slices)]


@known(
    "joined in another order",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/merging/concatenate.py",
)
def other_order(place: LayerPlace) -> Any:
    """The port joins the same arrays in another order.

    Write them in the order of Keras' `Concatenate`: `torch.cat([first, second], dim=1)`.
    """
    if not isinstance(place.layer, _L.Concatenate) or len(place.inputs) > 5:
        return None
    orders: Sequence[Any] = list(itertools.permutations(place.inputs))[1:]
    return nearest(place.ours, [np.concatenate(each, place.layer.axis) for each in orders])


@known(
    "joined along another axis",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/merging/concatenate.py",
)
def other_axis(place: LayerPlace) -> Any:
    """The port joins arrays along another axis.

    Keras' last axis is that of the channels: with channels first write `torch.cat(arrays, dim=1)`.
    """
    if not isinstance(place.layer, _L.Concatenate):
        return None
    rank = place.inputs[0].ndim
    others = [axis for axis in range(1, rank) if axis != place.layer.axis % rank]
    return nearest(place.ours, [np.concatenate(place.inputs, axis) for axis in others])


@known(
    "rescaling left out",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/preprocessing/rescaling.py",
)
def not_rescaled(place: LayerPlace) -> Any:
    """The port gets its inputs as they are.

    The Keras model begins with a `Rescaling`. Write `x = x * scale + offset` before the first
    layer.
    """
    maker = place.maker()
    if maker is None or not isinstance(maker.layer, _L.Rescaling):
        return None
    return of_other_inputs(place, maker.inputs[0])


@known(
    "rescaled twice",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/preprocessing/rescaling.py",
)
def rescaled_twice(place: LayerPlace) -> Any:
    """The port rescales its inputs twice, such as in its data and in its module.

    The Keras model does so once, in its `Rescaling`. Leave one of the two out.
    """
    maker = place.maker()
    if maker is None or not isinstance(maker.layer, _L.Rescaling):
        return None
    scale, offset = (np.asarray(each) for each in (maker.layer.scale, maker.layer.offset))
    return of_other_inputs(place, place.inputs[0] * scale + offset)
