"""Planted differences in how losses become one number."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as ports write it

from parity_ladder import TorchSide, pair
from tests.known_differences.loss_cases import classes, numbers, wrong_loss
from tests.known_differences.planting import STEPS, Batch, Planted

K, L = keras.losses, keras.layers


def sparse(**settings: Any) -> keras.losses.Loss:
    """A cross-entropy of logits."""
    return K.SparseCategoricalCrossentropy(from_logits=True, **settings)


def weighted(scores: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """The weighted losses, divided by the number of samples."""
    return (F.cross_entropy(scores, labels, reduction="none") * weights).mean()


def divided_by_weights(scores: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """The weighted losses, divided by the sum of the weights."""
    losses = F.cross_entropy(scores, labels, reduction="none") * weights
    return losses.sum() / weights.sum()


def masked_model() -> keras.Model:
    """A classification of each token, with token 0 masked."""
    model = keras.Sequential(
        [keras.Input((4,)), L.Embedding(5, 3, mask_zero=True), L.Dense(3)],
    )
    model.compile(keras.optimizers.SGD(0.1), sparse())
    return model


class TokenNet(nn.Module):
    """Its port."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the scores of tokens (batch, steps)."""
        scores: Tensor = self.head(self.embedding(tokens))
        return scores


MaskedLoss = Callable[[Tensor, Tensor], Tensor]
"""Gets the losses of all steps, and which of them count."""


def masked(entry: str, faulty: MaskedLoss) -> Planted:
    """Return a case whose port handles the mask in its own way."""

    def port(model: keras.Model, is_faulty: bool) -> TorchSide:
        net = TokenNet()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

        def step(tokens: Tensor, labels: Tensor) -> None:
            optimizer.zero_grad()
            losses = F.cross_entropy(net(tokens).movedim(-1, 1), labels, reduction="none")
            mask = tokens != 0
            loss = faulty(losses, mask) if is_faulty else losses[mask].mean()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

        return TorchSide(net, step, optimizer, pairs=pair(model, net, quiet=True))

    def batches() -> Sequence[Batch]:
        source = np.random.default_rng(1)
        return [
            (source.integers(0, 5, (5, 4)), source.integers(0, 3, (5, 4))) for _ in range(STEPS)
        ]

    return Planted(entry, masked_model, port, batches)


PLANTED = [
    wrong_loss(
        "loss added up over the batch",
        lambda: "mse",
        F.mse_loss,
        lambda scores, labels: F.mse_loss(scores, labels, reduction="sum"),
        numbers,
    ),
    wrong_loss(
        "loss added up over outputs",
        lambda: "mse",
        F.mse_loss,
        lambda scores, labels: ((scores - labels) ** 2).sum(1).mean(),
        numbers,
    ),
    wrong_loss(
        "loss averaged for a sum",
        lambda: sparse(reduction="sum"),
        lambda scores, labels: F.cross_entropy(scores, labels, reduction="sum"),
        F.cross_entropy,
        classes,
    ),
    wrong_loss(
        "loss divided by the sum of weights",
        sparse,
        weighted,
        divided_by_weights,
        classes,
        weights=True,
    ),
    wrong_loss(
        "weighted loss divided by the number of samples",
        lambda: sparse(reduction="mean_with_sample_weight"),
        divided_by_weights,
        weighted,
        classes,
        weights=True,
    ),
    wrong_loss(
        "sample weights left out",
        sparse,
        weighted,
        lambda scores, labels, weights: F.cross_entropy(scores, labels),  # noqa: ARG005
        classes,
        weights=True,
    ),
    masked("masked steps counted in the mean", lambda losses, mask: (losses * mask).mean()),
    masked("loss of masked steps", lambda losses, mask: losses.mean()),  # noqa: ARG005
    wrong_loss(
        "ignored class not ignored",
        lambda: sparse(ignore_class=0),
        lambda scores, labels: F.cross_entropy(scores, labels, ignore_index=0),
        F.cross_entropy,
        classes,
    ),
]
