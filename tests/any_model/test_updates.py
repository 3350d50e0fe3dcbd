"""An update is compared with what Keras' optimizer makes of the port's own gradients."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pytest
import torch
from torch import nn

from keras_for_torch import KerasAdamW, KerasSGD
from parity_ladder import Result, TorchSide, pair
from tests.any_model.small_models import L, climbed, numbers, stepping

RATE = 1e-3


class ByToken(nn.Module):
    """An embedding with sparse gradients, as Keras' are, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(5, 3, sparse=True), nn.Linear(6, 1)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return one number for each pair of tokens."""
        outputs: torch.Tensor = self.head(self.embedding(tokens).flatten(1))
        return outputs


def dense_pair(decay: float) -> tuple[keras.Model, nn.Module, Sequence[Any]]:
    model = keras.Sequential([keras.Input((4,)), L.Dense(8, activation="tanh"), L.Dense(1)])
    model.compile(keras.optimizers.AdamW(RATE, weight_decay=decay), "mse")
    return model, nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)), numbers()


def token_pair(decay: float) -> tuple[keras.Model, nn.Module, Sequence[Any]]:
    model = keras.Sequential([keras.Input((2,)), L.Embedding(5, 3), L.Flatten(), L.Dense(1)])
    model.compile(keras.optimizers.AdamW(RATE, weight_decay=decay), "mse")
    source = np.random.default_rng(0)
    batches = [(source.integers(0, 5, (6, 2)), source.normal(size=(6, 1))) for _ in range(3)]
    return model, ByToken(), batches


def climbed_with(made: Any, decay: float, *, left_out: Sequence[str] = ()) -> Result:
    """Climb with a port that does not decay the parameters whose names begin so."""
    model, net, batches = made(decay)
    named = list(net.named_parameters())
    without = [p for name, p in named if name.startswith(tuple(left_out))]
    others = [p for name, p in named if not name.startswith(tuple(left_out))]
    groups: list[dict[str, Any]] = [{"params": others}] if others else []
    groups += [{"params": without, "weight_decay": 0.0}] if without else []
    optimizer = KerasAdamW(groups, lr=RATE, weight_decay=decay)
    pairs = pair(model, net, quiet=True)
    return climbed(model, TorchSide(net, stepping(net, optimizer), optimizer, pairs=pairs), batches)


@pytest.mark.parametrize("made", [dense_pair, token_pair])
@pytest.mark.parametrize("decay", [1e-3, 1e-5])
def test_the_same_decay_holds(made: Any, decay: float) -> None:
    result = climbed_with(made, decay)
    assert result.holds, str(result)


@pytest.mark.parametrize("decay", [1e-3, 1e-4, 1e-5, 1e-6])
@pytest.mark.parametrize(
    ("made", "left_out"),
    [
        (dense_pair, ["0", "2"]),
        (dense_pair, ["0.bias", "2.bias"]),
        (token_pair, ["embedding"]),
        (token_pair, ["embedding", "head"]),
    ],
)
def test_a_decay_left_out_is_not_the_rounding_of_adams_constants(
    made: Any, left_out: Sequence[str], decay: float
) -> None:
    """Keras rounds 1 - beta_2 by 1e-5 of it: the update may differ by more than a small decay."""
    result = climbed_with(made, decay, left_out=left_out)
    assert str(result.first_difference).startswith("updated weights, step ")


def test_a_schedule_without_keras_rounding_holds_with_nesterov() -> None:
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.9)
    model = keras.Sequential([keras.Input((4,)), L.Dense(1)])
    model.compile(keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True), "mse")
    net = nn.Sequential(nn.Linear(4, 1))
    optimizer = KerasSGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    train = stepping(net, optimizer)

    def step(x: Any, y: Any) -> None:
        train(x, y)
        scheduler.step()

    pairs = pair(model, net, quiet=True)
    result = climbed(model, TorchSide(net, step, optimizer, pairs=pairs, scheduler=scheduler))
    assert result.holds, str(result)
