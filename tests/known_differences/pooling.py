"""Planted differences in pooling."""

from typing import Any

import keras
from torch import Tensor, nn
from torch.nn import functional

from tests.known_differences.small_nets import Do, Small, planted

L = keras.layers


def maximum(x: Any) -> Any:
    """Apply a convolution and a max pooling of 3 by 2, with `same` padding."""
    return L.MaxPooling2D(3, 2, padding="same")(L.Conv2D(4, 3, padding="same")(x))


def mean(x: Any) -> Any:
    """Apply a convolution and an average pooling of 3 by 2, with `same` padding."""
    return L.AveragePooling2D(3, 2, padding="same")(L.Conv2D(4, 3, padding="same")(x))


def behind_a_convolution(pooling: nn.Module) -> nn.Module:
    """Return the port of a convolution and a pooling."""
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding="same"), pooling)


def maximum_over(fill: float) -> nn.Module:
    """Return a max pooling with `fill` at the end."""

    def pooled(maps: Tensor) -> Tensor:
        return functional.max_pool2d(functional.pad(maps, (0, 1, 0, 1), value=fill), 3, 2)

    return behind_a_convolution(Do(pooled))


def mean_over_zeros(maps: Tensor) -> Tensor:
    """Return the mean with zeros at the end, which are counted."""
    return functional.avg_pool2d(functional.pad(maps, (0, 1, 0, 1)), 3, 2)


PLANTED = [
    planted(
        "maximum over zeros",
        Small(maximum, lambda faulty: maximum_over(0.0 if faulty else float("-inf"))),
    ),
    planted(
        "max pooling padded on both sides",
        Small(
            maximum,
            lambda faulty: behind_a_convolution(
                nn.MaxPool2d(3, 2, 1) if faulty else nn.MaxPool2d(3, 2, ceil_mode=True)
            ),
        ),
    ),
    planted(
        "max pooling padded on both sides",
        Small(
            lambda x: L.MaxPooling1D(2, padding="same")(x),
            lambda faulty: (
                nn.MaxPool1d(2, padding=1) if faulty else nn.MaxPool1d(2, ceil_mode=True)
            ),
            shape=(7, 3),
        ),
    ),
    planted(
        "mean over the padding",
        Small(
            mean,
            lambda faulty: behind_a_convolution(
                Do(mean_over_zeros) if faulty else nn.AvgPool2d(3, 2, ceil_mode=True)
            ),
        ),
    ),
    planted(
        "mean over the padding",
        Small(
            mean,
            lambda faulty: behind_a_convolution(nn.AvgPool2d(3, 2, 1, count_include_pad=faulty)),
            shape=(7, 7, 3),
        ),
    ),
    planted(
        "average pooling padded on both sides",
        Small(
            mean,
            lambda faulty: behind_a_convolution(
                nn.AvgPool2d(3, 2, 1) if faulty else nn.AvgPool2d(3, 2, ceil_mode=True)
            ),
        ),
    ),
    planted(
        "average pooling padded on both sides, not counted",
        Small(
            mean,
            lambda faulty: behind_a_convolution(
                nn.AvgPool2d(3, 2, 1, count_include_pad=False)
                if faulty
                else nn.AvgPool2d(3, 2, ceil_mode=True)
            ),
        ),
    ),
    planted(
        "pooling without its padding",
        Small(
            lambda x: L.MaxPooling2D(2, padding="same")(L.Conv2D(4, 2)(x)),
            lambda faulty: nn.Sequential(nn.Conv2d(3, 4, 2), nn.MaxPool2d(2, ceil_mode=not faulty)),
        ),
    ),
    planted(
        "ceil_mode in a pooling",
        Small(
            lambda x: L.AveragePooling2D(2)(L.Conv2D(4, 2)(x)),
            lambda faulty: nn.Sequential(nn.Conv2d(3, 4, 2), nn.AvgPool2d(2, ceil_mode=faulty)),
        ),
    ),
    planted(
        "pooling by its window's size",
        Small(
            lambda x: L.MaxPooling2D(3, 2)(x),
            lambda faulty: nn.MaxPool2d(3) if faulty else nn.MaxPool2d(3, 2),
            shape=(9, 9, 3),
        ),
    ),
    planted(
        "maximum and mean exchanged",
        Small(
            lambda x: L.GlobalAveragePooling2D()(L.Conv2D(4, 3)(x)),
            lambda faulty: nn.Sequential(
                nn.Conv2d(3, 4, 3), Do(lambda x: x.amax((2, 3)) if faulty else x.mean((2, 3)))
            ),
        ),
    ),
    planted(
        "maximum and mean exchanged",
        Small(
            lambda x: L.MaxPooling2D(2)(L.Conv2D(4, 3, activation="relu")(x)),
            lambda faulty: nn.Sequential(
                nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AvgPool2d(2) if faulty else nn.MaxPool2d(2)
            ),
        ),
    ),
]
