"""What a result tells of causes: never one under a difference that it does not explain."""

from collections.abc import Callable

import keras
import torch
from torch import Tensor, nn
from torch.nn import functional

from parity_ladder import TorchSide, pair
from parity_ladder.known_differences.diagnosis import NOT_LOOKED_AT
from tests.any_model.small_models import L, climbed, regression, stepping

Loss = Callable[[Tensor, Tensor], Tensor]


def to_the_power(predictions: Tensor, targets: Tensor) -> Tensor:
    """A loss that nobody writes, so that no entry knows it."""
    return functional.mse_loss(predictions, targets) ** 1.1


def port_of(
    model: keras.Model, loss: Loss = functional.mse_loss, *, lr: float = 0.1, momentum: float = 0.0
) -> TorchSide:
    """A port of the model below, with another loss or other settings of SGD."""
    net = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=momentum)
    pairs = pair(model, net, quiet=True)
    return TorchSide(net, stepping(net, optimizer, loss), optimizer, pairs=pairs)


def test_a_cause_behind_an_unexplained_difference_is_told_as_such() -> None:
    model = regression(L.Dense(3))
    result = climbed(model, port_of(model, to_the_power, lr=0.2))
    assert [rung.rung for rung in result.rungs if rung.passed is False] == ["loss"]
    assert [cause.name for cause in result.causes] == ["another constant rate"]
    assert result.causes[0].is_behind
    assert result.explanation is not None
    first, second = result.explanation.split("\n")
    assert first == "no known difference explains it"
    assert second.startswith("behind that, a cause: another constant rate. ")


def test_a_cause_of_the_first_difference_is_told_as_its_cause() -> None:
    model = regression(L.Dense(3))
    result = climbed(model, port_of(model, lr=0.2))
    assert result.explanation is not None
    assert result.explanation.startswith("cause: another constant rate. ")
    assert result.causes[0].leaves is None


def test_a_cause_before_training_says_that_the_steps_were_not_looked_at() -> None:
    model = regression(L.Dense(3))
    result = climbed(model, port_of(model, to_the_power, momentum=0.9))
    assert [cause.name for cause in result.causes] == ["momentum added"]
    assert result.causes[0].leaves == NOT_LOOKED_AT
