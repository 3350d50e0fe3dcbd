"""Planted differences in the penalty."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as ports write it

from parity_ladder import TorchSide, pair
from tests.known_differences.planting import STEPS, Batch, Planted

L, R = keras.layers, keras.regularizers
STRENGTH = 0.0625
"""A power of 2: Keras rounds the strength of a penalty to float32."""


def penalised_model(**regularizers: Any) -> keras.Model:
    """Two dense layers, the first with regularizers."""
    first = L.Dense(4, activation="relu", bias_initializer="normal", **regularizers)
    model = keras.Sequential([keras.Input((6,)), first, L.Dense(2)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


class Net(nn.Module):
    """Its port."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 4), nn.Linear(4, 2)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is hidden, and the outputs."""
        hidden = F.relu(self.first(inputs))
        return hidden, self.second(hidden)


Penalty = Callable[[Net, Tensor], Tensor]
"""Gets the network and what is hidden, and returns what is added to the loss."""


def port_with(
    model: keras.Model, penalty: Penalty | None, of_kernel: float, of_all: float
) -> TorchSide:
    """Return a port with a penalty, and weight decay of the first kernel or of everything."""
    net = Net()
    kernel = net.first.weight
    others = [each for each in net.parameters() if each is not kernel]
    groups: list[dict[str, Any]] = [
        {"params": [kernel], "weight_decay": of_kernel or of_all},
        {"params": others, "weight_decay": of_all},
    ]
    optimizer = torch.optim.SGD(groups, lr=0.1)

    def step(inputs: Tensor, labels: Tensor) -> None:
        optimizer.zero_grad()
        hidden, outputs = net(inputs)
        loss = F.mse_loss(outputs, labels)
        if penalty is not None:
            loss = loss + penalty(net, hidden)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return TorchSide(net, step, optimizer, pairs=pair(model, net, quiet=True))


def batches() -> Sequence[Batch]:
    """Return inputs and numbers."""
    source = np.random.default_rng(1)
    return [(source.normal(size=(5, 6)), source.normal(size=(5, 2))) for _ in range(STEPS)]


def squares(net: Net, hidden: Tensor) -> Tensor:  # noqa: ARG001
    """The penalty of Keras' L2 regularizer."""
    return STRENGTH * net.first.weight.square().sum()


def of_l2(
    entry: str, penalty: Penalty | None = None, of_kernel: float = 0.0, of_all: float = 0.0
) -> Planted:
    """Return a case with an L2 regularizer of the first kernel, whose faulty port has this."""
    return Planted(
        entry,
        lambda: penalised_model(kernel_regularizer=R.L2(STRENGTH)),
        lambda model, is_faulty: (
            port_with(model, penalty, of_kernel, of_all)
            if is_faulty
            else port_with(model, None, 2 * STRENGTH, 0.0)
        ),
        batches,
    )


def of_activities(entry: str, faulty: Penalty | None) -> Planted:
    """Return a case with an activity regularizer."""

    def sound(net: Net, hidden: Tensor) -> Tensor:  # noqa: ARG001
        return STRENGTH * hidden.square().sum() / len(hidden)

    return Planted(
        entry,
        lambda: penalised_model(activity_regularizer=R.L2(STRENGTH)),
        lambda model, is_faulty: port_with(model, faulty if is_faulty else sound, 0.0, 0.0),
        batches,
    )


def magnitudes(net: Net, hidden: Tensor) -> Tensor:  # noqa: ARG001
    """The penalty of Keras' L1 regularizer."""
    return STRENGTH * net.first.weight.abs().sum()


PLANTED = [
    of_l2("penalty left out"),
    of_l2("half the penalty", of_kernel=STRENGTH),
    of_l2("penalty counted twice", squares, of_kernel=2 * STRENGTH),
    of_l2("penalty of all weights", of_all=2 * STRENGTH),
    of_l2("half the penalty, of all weights", of_all=STRENGTH),
    of_l2(
        "norm not squared in the penalty",
        lambda net, hidden: STRENGTH * net.first.weight.norm(),  # noqa: ARG005
    ),
    Planted(
        "squares in an L1 penalty",
        lambda: penalised_model(kernel_regularizer=R.L1(STRENGTH)),
        lambda model, is_faulty: (
            port_with(model, None, STRENGTH, 0.0)
            if is_faulty
            else port_with(model, magnitudes, 0.0, 0.0)
        ),
        batches,
    ),
    of_activities("activity regularizer left out", None),
    of_activities(
        "activity penalty not divided by the batch",
        lambda net, hidden: STRENGTH * hidden.square().sum(),  # noqa: ARG005
    ),
]
