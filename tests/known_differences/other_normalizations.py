"""Planted differences in the normalizations of single samples, and in what all of them learn."""

from functools import partial

import keras
from torch import nn

from tests.known_differences.single_layers import channels_first, layer_case

L = keras.layers
TIME, FEATURES = 3, 4
SEQUENCES = (TIME, FEATURES)
layer_norm = partial(L.LayerNormalization, name="norm")
group_norm = partial(L.GroupNormalization, 2, name="norm")
rms_norm = partial(L.RMSNormalization, name="norm")
sound_layer_norm = partial(nn.LayerNorm, FEATURES, eps=1e-3)
sound_group_norm = partial(nn.GroupNorm, 2, FEATURES, eps=1e-3)


def half_learned() -> nn.Module:
    """Return a LayerNorm whose shift stays 0."""
    return nn.LayerNorm(FEATURES, eps=1e-3, bias=False)


PLANTED = [
    layer_case(
        "epsilon of LayerNorm",
        layer_norm,
        SEQUENCES,
        sound=sound_layer_norm,
        faulty=lambda: nn.LayerNorm(FEATURES),
    ),
    layer_case(
        "epsilon of GroupNorm",
        group_norm,
        SEQUENCES,
        sound=sound_group_norm,
        faulty=lambda: nn.GroupNorm(2, FEATURES),
        forward=channels_first,
    ),
    layer_case(
        "groups of GroupNorm",
        group_norm,
        SEQUENCES,
        sound=sound_group_norm,
        faulty=lambda: nn.GroupNorm(4, FEATURES, eps=1e-3),
        forward=channels_first,
    ),
    layer_case(
        "epsilon of RMSNorm",
        rms_norm,
        SEQUENCES,
        sound=lambda: nn.RMSNorm(FEATURES, eps=1e-6),
        faulty=lambda: nn.RMSNorm(FEATURES),
    ),
    layer_case(
        "LayerNorm over more axes",
        layer_norm,
        SEQUENCES,
        sound=sound_layer_norm,
        faulty=lambda: nn.LayerNorm(SEQUENCES, eps=1e-3),
    ),
    layer_case(
        "scale or shift of a normalization missing",
        layer_norm,
        SEQUENCES,
        sound=sound_layer_norm,
        faulty=half_learned,
    ),
    layer_case(
        "scale or shift of a normalization too many",
        partial(layer_norm, center=False),
        SEQUENCES,
        sound=half_learned,
        faulty=sound_layer_norm,
    ),
]
