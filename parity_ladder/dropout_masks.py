"""Dropout masks that both sides draw alike, each on its own, from the names of layers and steps.

A mask is decided by the layer's name in the Keras model and by the number of the update. So neither
side has to see what the other one drew.
"""

import zlib
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Dropout = Literal["shared", "off"]
"""`shared`: both sides drop the same values. `off`: neither side drops any."""


def kept_values(layer: str, iteration: int, shape: tuple[int, ...], rate: float) -> NDArray[Any]:
    """Return which values dropout keeps, True for those; `shape` is in Keras' layout.

    `layer` is the layer's name in the Keras model, `iteration` the number of updates made before,
    and `rate` the part of the values that is dropped.
    """
    source = np.random.default_rng([zlib.crc32(layer.encode()), iteration])
    return source.random(shape) >= rate
