"""Planted differences in convolutions."""

import keras
import torch
from torch import Tensor, nn
from torch.nn import functional

from parity_ladder import TorchSide, pair
from tests.known_differences.planting import Planted, images

L = keras.layers


def strided_model() -> keras.Model:
    """A strided convolution with `same` padding on an even input."""
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), L.Conv2D(4, 3, strides=2, padding="same"), L.Flatten(), L.Dense(4)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model


class StridedNet(nn.Module):
    """Its port; `faulty` pads by the same number on both sides."""

    def __init__(self, faulty: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1 if faulty else 0)
        self.head = nn.Linear(64, 4)
        self.faulty = faulty

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of images (batch, channels, height, width)."""
        padded = images if self.faulty else functional.pad(images, (0, 1, 0, 1))
        maps: Tensor = self.conv(padded)
        logits: Tensor = self.head(maps.permute(0, 2, 3, 1).flatten(1))
        return logits


def image_port(model: keras.Model, net: nn.Module) -> TorchSide:
    """Return a port that classifies images with plain SGD at rate 0.1."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step(images_nhwc: Tensor, labels: Tensor) -> None:
        optimizer.zero_grad()
        loss = functional.cross_entropy(net(images_nhwc.permute(0, 3, 1, 2)), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return TorchSide(net, step, optimizer, pairs=pair(model, net, quiet=True))


PLANTED = [
    Planted(
        "padding the same on both sides",
        strided_model,
        lambda model, faulty: image_port(model, StridedNet(faulty)),
        images,
    ),
]
