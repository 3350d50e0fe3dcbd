"""Planted differences in how the losses of several outputs become one."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as ports write it

from parity_ladder import TorchSide, pair
from tests.known_differences.planting import STEPS, Batch, Planted

K, L = keras.losses, keras.layers


def two_outputs() -> keras.Model:
    """A class and a number, with weights for their losses."""
    inputs = keras.Input((6,))
    outputs = [L.Dense(3, name="kind")(inputs), L.Dense(2, name="size")(inputs)]
    model = keras.Model(inputs, outputs)
    model.compile(
        keras.optimizers.SGD(0.1),
        [K.SparseCategoricalCrossentropy(from_logits=True), "mse"],
        loss_weights=[1.0, 0.3],
    )
    return model


class TwoHeads(nn.Module):
    """Its port."""

    def __init__(self) -> None:
        super().__init__()
        self.kind, self.size = nn.Linear(6, 3), nn.Linear(6, 2)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores and sizes."""
        return self.kind(inputs), self.size(inputs)


def joined(entry: str, faulty: Callable[[Tensor, Tensor], Tensor]) -> Planted:
    """Return a case whose port joins the losses of the outputs in its own way."""

    def port(model: keras.Model, is_faulty: bool) -> TorchSide:
        net = TwoHeads()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

        def step(inputs: Tensor, labels: Sequence[Tensor]) -> None:
            optimizer.zero_grad()
            scores, sizes = net(inputs)
            losses = F.cross_entropy(scores, labels[0]), F.mse_loss(sizes, labels[1])
            loss = faulty(*losses) if is_faulty else losses[0] + 0.3 * losses[1]
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

        return TorchSide(net, step, optimizer, pairs=pair(model, net, quiet=True))

    def batches() -> Sequence[Batch]:
        source = np.random.default_rng(1)
        return [
            (
                source.normal(size=(5, 6)),
                [source.integers(0, 3, 5), source.normal(size=(5, 2))],
            )
            for _ in range(STEPS)
        ]

    return Planted(entry, two_outputs, port, batches)


PLANTED = [
    joined("weights of outputs left out", lambda kind, size: kind + size),
    joined("losses of outputs averaged", lambda kind, size: (kind + 0.3 * size) / 2),
    joined("loss of an output left out", lambda kind, size: kind),  # noqa: ARG005
]
