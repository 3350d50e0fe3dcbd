"""Small classifiers, a few layers and a head, and their ports with and without a mistake."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from parity_ladder import TorchSide, pair
from tests.known_differences.planting import STEPS, Batch, Planted

L = keras.layers
CLASSES = 3
_MEANS = {1: L.GlobalAveragePooling1D, 2: L.GlobalAveragePooling2D, 3: L.GlobalAveragePooling3D}


class Do(nn.Module):
    """A function as a module, so that it fits into `nn.Sequential`."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, values: Tensor) -> Tensor:
        """Return what the function returns."""
        return self.function(values)


class Net(nn.Module):
    """Layers on channels first, then a mean over the image or all its values, and a head."""

    def __init__(self, body: nn.Module, features: int, *, flat: bool) -> None:
        super().__init__()
        self.body, self.flat = body, flat
        self.head = nn.Linear(features, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of images (batch, channels, ...)."""
        maps = self.body(images)
        if maps.ndim > 2:
            maps = (
                maps.movedim(1, -1).flatten(1)
                if self.flat
                else maps.mean(list(range(2, maps.ndim)))
            )
        logits: Tensor = self.head(maps)
        return logits


@dataclass(frozen=True)
class Small:
    """A small classifier in Keras, and what its port has before the head."""

    layers: Callable[[Any], Any]
    """Applies Keras' layers to a tensor."""
    body: Callable[[bool], nn.Module]
    """Returns the port's layers; with True, those with the mistake."""
    shape: tuple[int, ...] = (8, 8, 3)
    """The shape of one input, channels last."""
    scale: float = 1.0
    """The inputs' standard deviation."""
    flat: bool = False
    """Whether the head gets all values, not the means of the channels."""

    def model(self) -> keras.Model:
        """Return the compiled Keras model."""
        inputs = keras.Input(self.shape)
        maps = self.layers(inputs)
        if len(maps.shape) > 2:
            maps = (L.Flatten() if self.flat else _MEANS[len(maps.shape) - 2]())(maps)
        model = keras.Model(inputs, L.Dense(CLASSES)(maps))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.1), loss)
        return model

    def port(self, model: keras.Model, faulty: bool) -> TorchSide:
        """Return the port, which trains with plain SGD at rate 0.1."""
        net = Net(self.body(faulty), model.layers[-1].kernel.shape[0], flat=self.flat)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

        def step(images: Tensor, labels: Tensor) -> None:
            optimizer.zero_grad()
            loss = functional.cross_entropy(net(images.movedim(-1, 1)), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

        return TorchSide(net, step, optimizer, pairs=pair(model, net, quiet=True))

    def batches(self) -> Sequence[Batch]:
        """Return batches of 4 random inputs and their classes."""
        source = np.random.default_rng(1)
        return [
            (source.normal(size=(4, *self.shape)) * self.scale, source.integers(0, CLASSES, 4))
            for _ in range(STEPS)
        ]


def planted(entry: str, small: Small) -> Planted:
    """Return the entry planted in the port of a small classifier."""
    return Planted(entry, small.model, small.port, small.batches)
