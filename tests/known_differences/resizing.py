"""Planted differences in layers that resize images."""

from functools import partial
from typing import Any

import keras
from torch import nn
from torch.nn import functional

from tests.known_differences.small_nets import Do, Small, planted

L = keras.layers


def resized(size: int, **settings: Any) -> nn.Module:
    """Return a convolution and a resizing of its maps."""
    resize = partial(functional.interpolate, size=(size, size), **settings)
    return nn.Sequential(nn.Conv2d(3, 4, 3), Do(resize))


def enlarged_first(settings: dict[str, Any]) -> nn.Module:
    """Return an enlargement of the image, and a convolution."""
    return nn.Sequential(nn.Upsample((16, 16), **settings), nn.Conv2d(3, 2, 2))


PLANTED = [
    planted(
        "bicubic of another kind",
        Small(
            lambda x: L.UpSampling2D(2, interpolation="bicubic")(L.Conv2D(4, 3)(x)),
            lambda faulty: resized(12, mode="bicubic", antialias=not faulty),
        ),
    ),
    planted(
        "nearest pixel by its corner",
        Small(
            lambda x: L.Resizing(4, 4, interpolation="nearest")(L.Conv2D(4, 3)(x)),
            lambda faulty: resized(4, mode="nearest" if faulty else "nearest-exact"),
        ),
    ),
    planted(
        "corners aligned",
        Small(
            lambda x: L.UpSampling2D(2, interpolation="bilinear")(L.Conv2D(4, 3)(x)),
            lambda faulty: resized(12, mode="bilinear", align_corners=faulty),
        ),
    ),
    planted(
        "another interpolation",
        Small(
            lambda x: L.Conv2D(2, 2)(L.UpSampling2D(2, interpolation="bilinear")(x)),
            lambda faulty: enlarged_first({} if faulty else {"mode": "bilinear"}),
        ),
    ),
    planted(
        "another interpolation",
        Small(
            lambda x: L.Conv2D(2, 2)(L.UpSampling2D(2)(x)),
            lambda faulty: enlarged_first({"mode": "bilinear"} if faulty else {}),
        ),
    ),
]
