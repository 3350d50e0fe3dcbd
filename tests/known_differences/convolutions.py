"""Planted differences in convolutions."""

import keras
from torch import Tensor, nn
from torch.nn import functional

from tests.known_differences.small_nets import Do, Small, planted

L = keras.layers


def padded(*pads: int) -> Do:
    """Return a module that pads with zeros: left, right, top, bottom."""
    return Do(lambda x: functional.pad(x, pads))


def strided(faulty: bool) -> nn.Module:
    """Return a strided convolution; `faulty` pads both sides."""
    if faulty:
        return nn.Conv2d(3, 4, 3, stride=2, padding=1)
    return nn.Sequential(padded(0, 1, 0, 1), nn.Conv2d(3, 4, 3, stride=2))


def strided_sequence(faulty: bool) -> nn.Module:
    """Return a strided convolution of sequences; `faulty` pads both sides."""
    if faulty:
        return nn.Conv1d(3, 4, 5, stride=2, padding=2)
    return nn.Sequential(padded(1, 2), nn.Conv1d(3, 4, 5, stride=2))


def strided_volume(faulty: bool) -> nn.Module:
    """Return a strided convolution of volumes; `faulty` pads both sides."""
    if faulty:
        return nn.Conv3d(2, 3, 3, stride=2, padding=1)
    return nn.Sequential(padded(0, 1, 0, 1, 0, 1), nn.Conv3d(2, 3, 3, stride=2))


def strided_depthwise(faulty: bool) -> nn.Module:
    """Return a strided depthwise convolution; `faulty` pads both sides."""
    if faulty:
        return nn.Conv2d(3, 6, 3, stride=2, padding=1, groups=3)
    return nn.Sequential(padded(0, 1, 0, 1), nn.Conv2d(3, 6, 3, stride=2, groups=3))


def strided_separable(faulty: bool) -> nn.Module:
    """Return a strided separable convolution; `faulty` pads both sides."""
    if faulty:
        depthwise: nn.Module = nn.Conv2d(3, 3, 3, 2, padding=1, groups=3, bias=False)
    else:
        depthwise = nn.Sequential(padded(0, 1, 0, 1), nn.Conv2d(3, 3, 3, 2, groups=3, bias=False))
    return nn.Sequential(depthwise, nn.Conv2d(3, 5, 1), nn.ReLU())


def even(faulty: bool) -> nn.Module:
    """Return a convolution with a window of 2; `faulty` pads both sides."""
    if faulty:
        return nn.Sequential(nn.Conv2d(3, 4, 2, padding=1), nn.ReLU())
    return nn.Sequential(padded(0, 1, 0, 1), nn.Conv2d(3, 4, 2), nn.ReLU())


def even_cropped(faulty: bool) -> nn.Module:
    """Return a convolution with a window of 4, cropped; `faulty` crops at the end."""

    def crop(maps: Tensor) -> Tensor:
        return maps[:, :, :-1, :-1] if faulty else maps[:, :, 1:, 1:]

    return nn.Sequential(nn.Conv2d(3, 4, 4, padding=2), Do(crop))


def causal(faulty: bool) -> nn.Module:
    """Return a causal, dilated convolution; `faulty` pads both sides."""
    if faulty:
        return nn.Conv1d(3, 4, 3, padding=2, dilation=2)
    return nn.Sequential(padded(4, 0), nn.Conv1d(3, 4, 3, dilation=2))


def transposed(faulty: bool) -> nn.Module:
    """Return a transposed convolution; `faulty` cuts both ends."""
    if faulty:
        return nn.ConvTranspose2d(3, 4, 3, 2, padding=1, output_padding=1)
    return nn.Sequential(nn.ConvTranspose2d(3, 4, 3, 2), Do(lambda x: x[:, :, :-1, :-1]))


PLANTED = [
    planted(
        "padding the same on both sides",
        Small(lambda x: L.Conv2D(4, 3, strides=2, padding="same")(x), strided),
    ),
    planted(
        "padding the same on both sides",
        Small(
            lambda x: L.Conv1D(4, 5, strides=2, padding="same")(x), strided_sequence, shape=(8, 3)
        ),
    ),
    planted(
        "padding the same on both sides",
        Small(
            lambda x: L.Conv3D(3, 3, strides=2, padding="same")(x),
            strided_volume,
            shape=(4, 4, 4, 2),
        ),
    ),
    planted(
        "padding the same on both sides",
        Small(
            lambda x: L.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2)(x),
            strided_depthwise,
        ),
    ),
    planted(
        "padding the same on both sides",
        Small(
            lambda x: L.SeparableConv2D(5, 3, strides=2, padding="same", activation="relu")(x),
            strided_separable,
        ),
    ),
    planted(
        "padding left out",
        Small(
            lambda x: L.Conv2D(4, 3, padding="same")(x),
            lambda faulty: nn.Conv2d(3, 4, 3, padding=0 if faulty else 1),
        ),
    ),
    planted(
        "even window padded by its half on both sides",
        Small(lambda x: L.Conv2D(4, 2, padding="same", activation="relu")(x), even),
    ),
    planted(
        "even window cropped at the wrong end",
        Small(lambda x: L.Conv2D(4, 4, padding="same")(x), even_cropped),
    ),
    planted(
        "dilation left out",
        Small(
            lambda x: L.Conv2D(4, 3, padding="same", dilation_rate=2)(x),
            lambda faulty: nn.Conv2d(3, 4, 3, padding="same", dilation=1 if faulty else 2),
        ),
    ),
    planted(
        "dilation left out",
        Small(
            lambda x: L.Conv2D(4, 3, padding="same", dilation_rate=2)(x),
            lambda faulty: nn.Conv2d(3, 4, 3, padding=2, dilation=1 if faulty else 2),
        ),
    ),
    planted(
        "stride left out",
        Small(
            lambda x: L.Conv2D(4, 3, strides=2)(x),
            lambda faulty: nn.Conv2d(3, 4, 3, stride=1 if faulty else 2),
        ),
    ),
    planted(
        "causal padding on both sides",
        Small(lambda x: L.Conv1D(4, 3, padding="causal", dilation_rate=2)(x), causal, shape=(8, 3)),
    ),
    planted(
        "transposed convolution cut at both ends",
        Small(
            lambda x: L.Conv2DTranspose(4, 3, strides=2, padding="same")(x),
            transposed,
            shape=(4, 4, 3),
        ),
    ),
]
