"""What is found behind a first difference, where the port goes on from the reference's values."""

from typing import Any

import keras
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from parity_ladder import KerasSide, TorchSide, pair
from tests.any_model.small_models import L, regression, sgd_port, stepping
from tests.any_model.small_models import climbed as climbed_with
from tests.known_differences import occurrences
from tests.known_differences.planting import Planted, climbed


def port_with_half_the_loss(model: object, faulty: bool) -> TorchSide:
    """Return a port whose loss is half of Keras'; the faulty one has a dense gradient, too."""
    side = occurrences.text_port(model, faulty)
    net, optimizer = side.module, side.optimizer

    def step(tokens: Tensor, values: Tensor) -> None:
        optimizer.zero_grad()
        (functional.mse_loss(net(tokens), values) / 2).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return TorchSide(net, step, optimizer, pairs=side.pairs)


@pytest.mark.parametrize("is_dense", [False, True])
def test_a_sparse_gradient_stays_sparse_behind_another_difference(is_dense: bool) -> None:
    planted = Planted("", occurrences.text_model, port_with_half_the_loss, occurrences.texts)
    result = climbed(planted, faulty=is_dense)
    assert result.first_difference is not None
    assert result.first_difference.startswith("loss, step 0")
    names = [cause.name for cause in result.causes]
    assert ("occurrences of a token added up" in names) == is_dense, str(result)


def test_statistics_that_are_explained_are_left_by_no_later_cause() -> None:
    model = regression(L.Dense(3), L.BatchNormalization())
    model.compile(keras.optimizers.Adam(0.01), "mean_squared_error")
    norm = nn.BatchNorm1d(3, eps=1e-3, momentum=0.1)
    net = nn.Sequential(nn.Linear(4, 3), norm, nn.Linear(3, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    side = TorchSide(net, stepping(net, optimizer), optimizer, pairs=pair(model, net, quiet=True))
    result = climbed_with(model, side)
    assert [cause.name for cause in result.causes] == [
        "another momentum of BatchNorm",
        "unbiased running variance",
        "PyTorch's epsilon in Adam",
    ], str(result)
    assert result.causes[-1].leaves is None


def test_a_cause_in_one_variable_hides_none_in_the_update_of_the_others() -> None:
    model = occurrences.text_model()
    model.compile(keras.optimizers.Adam(0.01), "mean_squared_error")
    net = nn.Sequential(nn.Embedding(3, 2), nn.Flatten(), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    side = TorchSide(net, stepping(net, optimizer), optimizer, pairs=pair(model, net, quiet=True))
    result = climbed_with(model, side, occurrences.texts())
    assert [cause.name for cause in result.causes] == [
        "occurrences of a token added up",
        "PyTorch's epsilon in Adam",
    ], str(result)


def test_the_search_takes_no_step_of_the_reference_again(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str | None] = []
    original = KerasSide._graph_step

    def step(side: KerasSide, *parts: Any) -> Any:
        taken.append(side._rounding)  # None: it is the reference itself, no twin of it
        return original(side, *parts)

    monkeypatch.setattr(KerasSide, "_graph_step", step)
    model = regression(L.Dense(3, activation="relu"))
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
    result = climbed_with(model, sgd_port(model, net, rate=0.2))
    assert [cause.name for cause in result.causes] == [
        "another activation",
        "another constant rate",
    ], str(result)
    assert taken.count(None) == 3  # as many as are looked at
