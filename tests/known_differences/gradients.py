"""Planted differences in the backward pass."""

from collections.abc import Sequence

import keras
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as ports write it

from parity_ladder import TorchSide, pair
from tests.known_differences.planting import STEPS, Batch, Planted

L = keras.layers


def branched_model() -> keras.Model:
    """A trunk with two heads."""
    inputs = keras.Input((6,))
    hidden = L.Dense(4, activation="tanh", name="trunk")(inputs)
    outputs = [L.Dense(2, name="one")(hidden), L.Dense(2, name="other")(hidden)]
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.1), ["mse", "mse"])
    return model


class Branches(nn.Module):
    """Its port; a `faulty` one detaches what goes into the second head."""

    def __init__(self, faulty: bool = False) -> None:
        super().__init__()
        self.trunk, self.one, self.other = nn.Linear(6, 4), nn.Linear(4, 2), nn.Linear(4, 2)
        self.faulty = faulty

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return what both heads put out."""
        hidden = self.trunk(inputs).tanh()
        return self.one(hidden), self.other(hidden.detach() if self.faulty else hidden)


def predicting_model() -> keras.Model:
    """A layer that predicts another one's output, which is not to follow it."""
    inputs = keras.Input((6,))
    hidden = L.Dense(4, activation="tanh", name="trunk")(inputs)
    target = keras.ops.stop_gradient(hidden)
    outputs = L.Subtract()([L.Dense(4, name="predictor")(hidden), target])
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


class Predicting(nn.Module):
    """Its port; a `faulty` one lets the target follow."""

    def __init__(self, faulty: bool) -> None:
        super().__init__()
        self.trunk, self.predictor = nn.Linear(6, 4), nn.Linear(4, 4)
        self.faulty = faulty

    def forward(self, inputs: Tensor) -> Tensor:
        """Return how far the prediction is from its target."""
        hidden: Tensor = self.trunk(inputs).tanh()
        difference: Tensor = self.predictor(hidden) - (hidden if self.faulty else hidden.detach())
        return difference


def branches_port(model: keras.Model, net: Branches, *, clears: bool = True) -> TorchSide:
    """Return a port of the trunk with two heads; it may not clear its gradients."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step(inputs: Tensor, labels: Sequence[Tensor]) -> None:
        outputs = net(inputs)
        loss = F.mse_loss(outputs[0], labels[0]) + F.mse_loss(outputs[1], labels[1])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if clears:
            optimizer.zero_grad()

    return TorchSide(net, step, optimizer, pairs=pair(model, net, quiet=True))


def predicting_port(model: keras.Model, faulty: bool) -> TorchSide:
    """Return a port of the layer that predicts another one's output."""
    net = Predicting(faulty)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step(inputs: Tensor, labels: Tensor) -> None:
        optimizer.zero_grad()
        F.mse_loss(net(inputs), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return TorchSide(net, step, optimizer, pairs=pair(model, net, quiet=True))


def for_two() -> Sequence[Batch]:
    """Return inputs, and numbers for both heads."""
    source = np.random.default_rng(1)
    return [
        (source.normal(size=(5, 6)), [source.normal(size=(5, 2)), source.normal(size=(5, 2))])
        for _ in range(STEPS)
    ]


def for_one() -> Sequence[Batch]:
    """Return inputs, and zeros."""
    source = np.random.default_rng(1)
    return [(source.normal(size=(5, 6)), np.zeros((5, 4))) for _ in range(STEPS)]


PLANTED = [
    Planted(
        "gradients not cleared",
        branched_model,
        lambda model, faulty: branches_port(model, Branches(), clears=not faulty),
        for_two,
    ),
    Planted(
        "gradient of a branch cut off",
        branched_model,
        lambda model, faulty: branches_port(model, Branches(faulty)),
        for_two,
    ),
    Planted(
        "gradient through what Keras stops",
        predicting_model,
        predicting_port,
        for_one,
    ),
]
