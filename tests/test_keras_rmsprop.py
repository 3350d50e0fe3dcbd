"""KerasRMSprop as a `torch.optim.Optimizer`: groups, state, closures, stock schedulers."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, ExponentialLR, LambdaLR, LRScheduler

from cnn_experiment import UserError
from keras_for_torch import SettingError
from torch_cnn import KerasRMSprop, keras_schedule


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)).double()


def update(model: nn.Module, optimizer: torch.optim.Optimizer, count: int = 1) -> None:
    for index in range(count):
        optimizer.zero_grad()
        model(torch.full((5, 4), 0.1 * (index + 1)).double()).square().sum().backward()
        optimizer.step()


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_the_first_update_is_the_equation_s() -> None:
    parameter = nn.Parameter(torch.tensor([1.0, 2.0], dtype=torch.float64))
    parameter.grad = torch.tensor([0.5, -0.25], dtype=torch.float64)
    KerasRMSprop([parameter], lr=0.1, rho=0.8, epsilon=1e-3).step()
    expected = torch.tensor(
        [
            1.0 - 0.1 * 0.5 / (0.2 * 0.25 + 1e-3) ** 0.5,
            2.0 + 0.1 * 0.25 / (0.2 * 0.0625 + 1e-3) ** 0.5,
        ],
        dtype=torch.float64,
    )
    torch.testing.assert_close(parameter.detach(), expected, rtol=1e-15, atol=0)


def test_state_dict_continues_exactly() -> None:
    model = net()
    optimizer = KerasRMSprop(model.parameters(), momentum=0.9)
    update(model, optimizer, 3)
    other = net()
    other.load_state_dict(model.state_dict())
    resumed = KerasRMSprop(other.parameters(), momentum=0.1)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    update(model, optimizer, 3)
    update(other, resumed, 3)
    assert same(model, other)


def test_groups_have_their_own_settings() -> None:
    model = net()
    frozen, *moving = model.parameters()
    before = frozen.detach().clone()
    groups = [
        {"params": [frozen], "lr": 0.0},
        {"params": moving, "weight_decay": 0.5, "momentum": 0.5},
    ]
    optimizer = KerasRMSprop(groups)
    update(model, optimizer, 2)
    assert torch.equal(frozen, before)
    assert "momentum" not in optimizer.state[frozen]
    assert "momentum" in optimizer.state[moving[0]]


def test_weight_decay_is_the_gradient_of_the_l2_penalty() -> None:
    strength = 0.01
    decayed, penalised = net(), net()
    with_decay = KerasRMSprop(decayed.parameters(), momentum=0.5, weight_decay=2 * strength)
    plain = KerasRMSprop(penalised.parameters(), momentum=0.5)
    images = torch.ones(5, 4, dtype=torch.float64)
    for _ in range(5):
        with_decay.zero_grad()
        decayed(images).square().sum().backward()
        with_decay.step()
        plain.zero_grad()
        penalty = sum(strength * p.square().sum() for p in penalised.parameters())
        (penalised(images).square().sum() + penalty).backward()
        plain.step()
    for a, b in zip(decayed.parameters(), penalised.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-14)


def test_a_closure_is_evaluated_with_gradients_and_its_loss_returned() -> None:
    model, twin = net(), net()
    optimizer, plain = KerasRMSprop(model.parameters()), KerasRMSprop(twin.parameters())
    images = torch.full((5, 4), 0.1).double()

    def closure() -> float:
        optimizer.zero_grad()
        loss: torch.Tensor = model(images).square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()

    expected = model(images).square().sum().item()
    assert optimizer.step(closure) == expected
    update(twin, plain)
    assert same(model, twin)


@pytest.mark.parametrize(
    "make",
    [
        lambda optimizer: ExponentialLR(optimizer, 0.5),
        lambda optimizer: CosineAnnealingLR(optimizer, 3),
        lambda optimizer: LambdaLR(optimizer, lambda step: 1 / (1 + step)),
    ],
)
def test_stock_schedulers_drive_it(make: Callable[[torch.optim.Optimizer], LRScheduler]) -> None:
    model = net()
    optimizer = KerasRMSprop(model.parameters(), lr=0.01)
    scheduler = make(optimizer)
    rates = []
    for _ in range(3):
        rates.append(optimizer.param_groups[0]["lr"])
        update(model, optimizer)
        scheduler.step()
    assert rates[0] == 0.01
    assert rates[0] > rates[1] > rates[2]


def test_parameters_without_a_gradient_are_left() -> None:
    model = net()
    before = copy.deepcopy(model)
    KerasRMSprop(model.parameters()).step()
    assert same(model, before)


@pytest.mark.parametrize(
    ("setting", "accepted"),
    [
        ({"lr": -1.0}, "lr = -1.0: accepted: 0 or more"),
        ({"rho": 1.0}, "rho = 1.0: accepted: 0 to below 1"),
        ({"momentum": -0.5}, "momentum = -0.5: accepted: 0 to 1"),
        ({"epsilon": -1e-7}, "epsilon = -1e-07: accepted: 0 or more"),
        ({"weight_decay": -1.0}, "weight_decay = -1.0: accepted: 0 or more"),
        ({"lr": float("nan")}, "lr = nan: accepted: 0 or more"),
        ({"momentum": "0.9"}, "momentum = '0.9': accepted: 0 to 1"),
        ({"rho": None}, "rho = None: accepted: 0 to below 1"),
    ],
)
def test_wrong_settings_are_named(setting: dict[str, Any], accepted: str) -> None:
    with pytest.raises(SettingError, match=accepted):
        KerasRMSprop(net().parameters(), **setting)


@pytest.mark.parametrize("schedule", [0.1, None, "constant"])
def test_a_rate_that_is_no_schedule_is_refused(schedule: Any) -> None:
    optimizer = KerasRMSprop([nn.Parameter(torch.ones(1))], lr=0.5)
    with pytest.raises(UserError) as error:
        keras_schedule(optimizer, schedule)
    assert str(error.value) == (
        f"schedule = {schedule!r}: accepted: ConstantRate, InverseTimeDecay, ExponentialDecay of"
        " cnn_experiment"
    )
    assert optimizer.param_groups[0]["lr"] == 0.5
