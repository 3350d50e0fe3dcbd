"""Known differences in dropout, whose masks both sides of a climb share."""

from typing import Any

import keras
import numpy as np
from torch import nn

from parity_ladder.dropout_masks import kept_values
from parity_ladder.keras_side.watching import name_of
from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import Array, LayerPlace
from parity_ladder.known_differences.recomputing import nearest

_L = keras.layers
_BY_CHANNEL = _L.SpatialDropout1D | _L.SpatialDropout2D | _L.SpatialDropout3D
_SOURCE = "keras/src/layers/regularization/dropout.py; torch/nn/modules/dropout.py"
_SPATIAL = "keras/src/layers/regularization/spatial_dropout.py; torch/nn/modules/dropout.py"


def _is_dropout(place: LayerPlace) -> bool:
    """Return whether the layer drops single values or whole channels."""
    return isinstance(place.layer, _L.Dropout | _BY_CHANNEL) and place.layer.rate > 0


def _dropped(place: LayerPlace, rate: float, *, by_channel: bool) -> Array:
    """Return what a port's dropout makes of the layer's input, with the climb's own mask."""
    inputs = place.inputs[0]
    shape = inputs.shape
    drawn = (shape[0], *(1 for _ in shape[1:-1]), shape[-1]) if by_channel else shape
    name = name_of(place.model, place.layer)
    kept = kept_values(name, place.state.iteration, drawn, rate)
    return np.asarray(inputs * kept / (1 - rate))


@known("dropout rate of what is kept", rung="layer outputs", area="layers", source=_SOURCE)
def rate_of_what_is_kept(place: LayerPlace) -> Any:
    """The port's dropout has the part of the values that is kept as its rate.

    In Keras and in PyTorch it is the part that is dropped (TensorFlow 1 had `keep_prob`). Write
    `nn.Dropout(p)` with Keras' own `rate`.
    """
    if not _is_dropout(place) or place.layer.rate == 0.5:
        return None
    by_channel = isinstance(place.layer, _BY_CHANNEL)
    return _dropped(place, 1 - place.layer.rate, by_channel=by_channel)


@known("another dropout rate", rung="layer outputs", area="layers", source=_SOURCE)
def other_rate(place: LayerPlace) -> Any:
    """The port's dropout has another rate, such as PyTorch's default of 0.5.

    Write Keras' own `rate` as `nn.Dropout(p=rate)`.
    """
    if not _is_dropout(place):
        return None
    rate = place.layer.rate
    modules = [
        m for m in place.port.module.modules() if isinstance(m, nn.modules.dropout._DropoutNd)
    ]
    rates = {module.p for module in modules} | set(place.port.dropout_rates)
    rates -= {rate, 1 - rate, 0.0, 1.0}
    by_channel = isinstance(place.layer, _BY_CHANNEL)
    return nearest(place.ours, [_dropped(place, p, by_channel=by_channel) for p in sorted(rates)])


@known("dropout left out", rung="layer outputs", area="layers", source=_SOURCE)
def no_dropout(place: LayerPlace) -> Any:
    """The port drops nothing here: it has no dropout, or is in inference mode.

    Write `nn.Dropout(p=rate)` with Keras' rate, and call `module.train()` before each epoch;
    `F.dropout` needs `training=self.training`.
    """
    return place.inputs[0] if _is_dropout(place) else None


@known("dropout of single values", rung="layer outputs", area="layers", source=_SPATIAL)
def single_values(place: LayerPlace) -> Any:
    """The port's dropout drops single values, and Keras' drops whole channels.

    Write `nn.Dropout2d(p)` for `SpatialDropout2D`, and `nn.Dropout1d(p)` for `SpatialDropout1D`,
    with the channels on the second axis.
    """
    if not _is_dropout(place) or not isinstance(place.layer, _BY_CHANNEL):
        return None
    return _dropped(place, place.layer.rate, by_channel=False)


@known("dropout of whole channels", rung="layer outputs", area="layers", source=_SPATIAL)
def whole_channels(place: LayerPlace) -> Any:
    """The port's dropout drops whole channels, and Keras' drops single values.

    Write `nn.Dropout(p)` for `Dropout`; `nn.Dropout2d` is Keras' `SpatialDropout2D`.
    """
    is_by_value = _is_dropout(place) and not isinstance(place.layer, _BY_CHANNEL)
    if not is_by_value or place.inputs[0].ndim < 3:
        return None
    return _dropped(place, place.layer.rate, by_channel=True)
