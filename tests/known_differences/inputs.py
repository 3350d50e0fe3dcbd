"""Planted differences in what a port makes of a batch before its first layer."""

from collections.abc import Callable

import keras
import numpy as np
from torch import Tensor, nn

from tests.known_differences.planting import Planted
from tests.known_differences.small_nets import Do, Small, planted

L = keras.layers
MEAN, VARIANCE = np.array([0.5, -0.5, 0.25]), np.array([4.0, 0.25, 1.0])


def prepared(entry: str, faulty: Callable[[Tensor], Tensor], scale: float = 1.0) -> Planted:
    """Return a case whose faulty port does this to its images (batch, channels, height, width)."""

    def body(is_faulty: bool) -> nn.Module:
        conv = nn.Conv2d(3, 4, 3)
        return nn.Sequential(Do(faulty), conv) if is_faulty else conv

    return planted(entry, Small(lambda x: L.Conv2D(4, 3)(x), body, scale=scale))


def normalized(is_faulty: bool) -> nn.Module:
    """Return a port's layers behind its own normalization, which a faulty one has not."""
    conv = nn.Conv2d(3, 4, 3)

    def normalize(images: Tensor) -> Tensor:
        mean, variance = (images.new_tensor(each)[:, None, None] for each in (MEAN, VARIANCE))
        return (images - mean) / variance.sqrt()

    return conv if is_faulty else nn.Sequential(Do(normalize), conv)


PLANTED = [
    prepared("inputs scaled by the port alone", lambda images: images / 255, scale=100.0),
    planted(
        "normalization of the inputs left out",
        Small(
            lambda x: L.Conv2D(4, 3)(L.Normalization(mean=MEAN, variance=VARIANCE)(x)), normalized
        ),
    ),
    prepared("colours in reverse order", lambda images: images.flip(1)),
    prepared(
        "channels moved by a reshape",
        lambda images: images.movedim(1, -1).reshape(len(images), 3, 8, 8),
    ),
    prepared("height and width exchanged", lambda images: images.transpose(2, 3)),
]
