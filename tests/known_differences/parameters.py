"""Planted differences in which variables a layer has."""

import keras
from torch import nn

from tests.known_differences.small_nets import Small, planted

L = keras.layers

PLANTED = [
    planted(
        "bias left out",
        Small(lambda x: L.Conv2D(4, 3)(x), lambda faulty: nn.Conv2d(3, 4, 3, bias=not faulty)),
    ),
    planted(
        "bias too many",
        Small(
            lambda x: L.BatchNormalization(momentum=1.0, epsilon=1e-5)(
                L.Conv2D(4, 3, use_bias=False)(x)
            ),
            lambda faulty: nn.Sequential(
                nn.Conv2d(3, 4, 3, bias=faulty), nn.BatchNorm2d(4, momentum=0.0)
            ),
        ),
    ),
    planted(
        "groups left out",
        Small(
            lambda x: L.DepthwiseConv2D(3)(x),
            lambda faulty: nn.Conv2d(4, 4, 3, groups=1 if faulty else 4),
            shape=(8, 8, 4),
        ),
    ),
    planted(
        "PReLU with other weights",
        Small(
            lambda x: L.PReLU()(L.Dense(5)(x)),
            lambda faulty: nn.Sequential(nn.Linear(6, 5), nn.PReLU(1 if faulty else 5)),
            shape=(6,),
        ),
    ),
    planted(
        "PReLU with other weights",
        Small(
            lambda x: L.PReLU(shared_axes=[1, 2])(L.Conv2D(4, 3)(x)),
            lambda faulty: nn.Sequential(nn.Conv2d(3, 4, 3), nn.PReLU(1 if faulty else 4)),
        ),
    ),
]
