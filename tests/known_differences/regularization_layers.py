"""Planted differences in dropout, whose masks both sides of a climb share."""

from functools import partial

import keras
from torch import nn

from tests.known_differences.single_layers import channels_first, layer_case

L = keras.layers
SEQUENCES = (4, 3)
by_value = partial(layer_case, layer=partial(L.Dropout, 0.2, name="dropout"), shape=SEQUENCES)
by_channel = partial(
    layer_case,
    layer=partial(L.SpatialDropout1D, 0.4, name="dropout"),
    shape=SEQUENCES,
    sound=lambda: nn.Dropout1d(0.4),
    forward=channels_first,
)

PLANTED = [
    by_value(
        "dropout rate of what is kept",
        sound=lambda: nn.Dropout(0.2),
        faulty=lambda: nn.Dropout(0.8),
    ),
    by_value(
        "another dropout rate",
        sound=lambda: nn.Dropout(0.2),
        faulty=nn.Dropout,
    ),
    by_value(
        "another dropout rate",
        sound=lambda: nn.Dropout(0.2),
        faulty=nn.Identity,
        faulty_forward=lambda _, values: nn.functional.dropout(values, 0.3),
    ),
    by_value(
        "dropout left out",
        sound=lambda: nn.Dropout(0.2),
        faulty=lambda: nn.Dropout(0.2).eval(),
    ),
    by_channel("dropout of single values", faulty=lambda: nn.Dropout(0.4)),
    by_value(
        "dropout of whole channels",
        sound=lambda: nn.Dropout(0.2),
        faulty=lambda: nn.Dropout1d(0.2),
        forward=channels_first,
    ),
]
