"""Planted differences in layers that move, cut or join values, or rescale them."""

from typing import Any

import keras
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.known_differences.small_nets import Do, Small, planted

L = keras.layers


def flattened(faulty: bool) -> nn.Module:
    """Return a convolution and a dense layer; `faulty` keeps PyTorch's order of the values."""
    order = Do(lambda x: x if faulty else x.permute(0, 2, 3, 1))
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), order, nn.Flatten(), nn.Linear(36, 5)
    )


def padded_then_convolved(*pads: int) -> nn.Module:
    """Return a padding of left, right, top and bottom, and a convolution."""
    return nn.Sequential(Do(lambda x: functional.pad(x, pads)), nn.Conv2d(3, 4, 3))


def mobile(faulty: bool) -> nn.Module:
    """Return a strided depthwise convolution of a padded image; `faulty` pads both sides."""
    if faulty:
        return nn.Conv2d(3, 3, 3, stride=2, padding=1, groups=3)
    pad = Do(lambda x: functional.pad(x, (0, 1, 0, 1)))
    return nn.Sequential(pad, nn.Conv2d(3, 3, 3, stride=2, groups=3))


def cropped(faulty: bool) -> nn.Module:
    """Return a convolution, cropped at the end; `faulty` crops at the start."""
    crop = Do(lambda x: x[:, :, 1:, 2:] if faulty else x[:, :, :-1, :-2])
    return nn.Sequential(nn.Conv2d(3, 4, 3), crop)


class Joined(nn.Module):
    """Two convolutions side by side; `order` and `axis` say how their maps are joined."""

    def __init__(self, order: int, axis: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 2, dilation=2)
        self.order, self.axis = order, axis

    def forward(self, images: Tensor) -> Tensor:
        """Return the maps of both."""
        maps = [self.first(images), self.second(images)]
        return torch.cat(maps[:: self.order], self.axis)


def joined(x: Any) -> Any:
    """Apply two convolutions side by side, and join their maps."""
    return L.Concatenate()([L.Conv2D(4, 3)(x), L.Conv2D(4, 2, dilation_rate=2)(x)])


def rescaled(times: int) -> nn.Module:
    """Return a rescaling, so many times, and a convolution."""

    def rescale(images: Tensor) -> Tensor:
        for _ in range(times):
            images = images / 5 - 0.5
        return images

    return nn.Sequential(Do(rescale), nn.Conv2d(3, 4, 3), nn.ReLU())


def of_rescaled(x: Any) -> Any:
    """Apply a rescaling and a convolution."""
    return L.Conv2D(4, 3, activation="relu")(L.Rescaling(1 / 5, offset=-0.5)(x))


PLANTED = [
    planted(
        "flatten with channels first",
        Small(
            lambda x: L.Dense(5)(L.Flatten()(L.Conv2D(4, 3, strides=2, activation="relu")(x))),
            flattened,
        ),
    ),
    planted(
        "zeros at the other side",
        Small(
            lambda x: L.Conv2D(4, 3)(L.ZeroPadding2D(((0, 1), (0, 2)))(x)),
            lambda faulty: padded_then_convolved(*((2, 0, 1, 0) if faulty else (0, 2, 0, 1))),
        ),
    ),
    planted(
        "zeros with the axes exchanged",
        Small(
            lambda x: L.Conv2D(4, 3)(L.ZeroPadding2D(((0, 1), (2, 3)))(x)),
            lambda faulty: padded_then_convolved(*((0, 1, 2, 3) if faulty else (2, 3, 0, 1))),
        ),
    ),
    planted(
        "zeros left to the convolution",
        Small(
            lambda x: L.DepthwiseConv2D(3, strides=2)(L.ZeroPadding2D(((0, 1), (0, 1)))(x)), mobile
        ),
    ),
    planted(
        "cropped at the other side",
        Small(lambda x: L.Cropping2D(((0, 1), (0, 2)))(L.Conv2D(4, 3)(x)), cropped),
    ),
    planted(
        "joined in another order",
        Small(joined, lambda faulty: Joined(-1 if faulty else 1, 1)),
    ),
    planted(
        "joined along another axis",
        Small(joined, lambda faulty: Joined(1, -1 if faulty else 1), flat=True),
    ),
    planted("rescaling left out", Small(of_rescaled, lambda faulty: rescaled(0 if faulty else 1))),
    planted("rescaled twice", Small(of_rescaled, lambda faulty: rescaled(2 if faulty else 1))),
]
