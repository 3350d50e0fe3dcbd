"""Training steps that people write: what is followed, and what is refused in a sentence."""

import random
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from parity_ladder import LadderError, Result, TorchSide, pair
from tests.any_model.small_models import L, climbed, numbers, regression, sgd_port, stepping

Step = Callable[[Tensor, Tensor], Any]


def net_of(*, model_has_dropout: bool = False) -> nn.Sequential:
    """A port of the model below."""
    middle = [nn.Dropout(0.5)] if model_has_dropout else []
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), *middle, nn.Linear(3, 1))


def climbed_with(
    net: nn.Module, step_of: Callable[[torch.optim.Optimizer], Step], *, dropout: bool = False
) -> Result:
    """Climb with plain SGD and the step that `step_of` makes of the optimizer."""
    model = regression(L.Dense(3, activation="tanh"), *([L.Dropout(0.5)] if dropout else []))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    pairs = pair(model, net, quiet=True)
    return climbed(model, TorchSide(net, step_of(optimizer), optimizer, pairs=pairs))


def refused(step_of: Callable[[nn.Module, torch.optim.Optimizer, Tensor, Tensor], Any]) -> str:
    """Return the sentence that refuses a step, and check that the module is as it was."""
    net = net_of()
    before = [parameter.clone() for parameter in net.parameters()]
    with pytest.raises(LadderError) as error:
        climbed_with(net, lambda optimizer: lambda x, y: step_of(net, optimizer, x, y))
    for was, parameter in zip(before, net.parameters(), strict=True):
        assert torch.equal(was, parameter)
        assert parameter.grad is None
    return str(error.value)


def test_an_evaluation_within_the_step_is_not_taken_for_the_training() -> None:
    net = net_of(model_has_dropout=True)

    def step_of(optimizer: torch.optim.Optimizer) -> Step:
        def step(x: Tensor, y: Tensor) -> None:
            net.eval()
            with torch.no_grad():
                functional.mse_loss(net(x), y)
            net.train()
            optimizer.zero_grad()
            functional.mse_loss(net(x), y).backward()  # type: ignore[no-untyped-call]
            optimizer.step()

        return step

    net.eval()
    result = climbed_with(net, step_of, dropout=True)
    assert result.holds, str(result)
    assert not result.not_compared
    assert not net.training  # put back, though the step sets it


def test_a_backbone_without_gradients_is_compared_all_the_same() -> None:
    """Its outputs go into the loss, though they are computed under `no_grad`."""

    class Frozen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.Linear(4, 3), nn.Linear(3, 1)
            self.body.requires_grad_(requires_grad=False)

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                x = torch.tanh(self.body(x))
            head: Tensor = self.head(x)
            return head

    net = Frozen()
    model = regression(L.Dense(3, activation="tanh", trainable=False))
    optimizer = torch.optim.SGD(net.head.parameters(), lr=0.1)

    def step(x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        functional.mse_loss(net(x), y).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    result = climbed(model, TorchSide(net, step, optimizer, pairs=pair(model, net, quiet=True)))
    assert result.holds, str(result)
    assert not result.not_compared


@pytest.mark.parametrize("added", [0.0, 1.0])
def test_autograd_backward_is_seen(added: float) -> None:
    net = net_of()

    def step_of(optimizer: torch.optim.Optimizer) -> Step:
        def step(x: Tensor, y: Tensor) -> None:
            optimizer.zero_grad()
            torch.autograd.backward(functional.mse_loss(net(x), y) + added)
            optimizer.step()

        return step

    result = climbed_with(net, step_of)
    failed = [rung.rung for rung in result.rungs if rung.passed is False]
    assert failed == ([] if added == 0 else ["loss"])


def test_a_backward_pass_from_more_than_a_number_is_refused() -> None:
    def step(net: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        predictions = net(x)
        predictions.backward(gradient=2 * (predictions - y).detach() / len(y))
        optimizer.step()

    assert "on a tensor of shape (5, 1); accepted: its loss, a single number" in refused(step)


def test_a_loss_in_parts_is_refused() -> None:
    def step(net: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        for part, targets in zip(x.chunk(2), y.chunk(2), strict=True):
            functional.mse_loss(net(part), targets).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    assert "computes its loss in 2 parts, with a backward pass after each" in refused(step)


def test_lower_precision_is_refused() -> None:
    def step(net: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            loss = functional.mse_loss(net(x).float(), y.float())
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    assert "in torch.bfloat16; accepted: float64 or float32, so a step without" in refused(step)


def stepping_with_a_scaler(
    scaler: torch.amp.GradScaler, net: nn.Module, optimizer: torch.optim.Optimizer
) -> Step:
    """A step that is prepared for lower precision, as ports for a GPU often are."""

    def step(x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        scaler.scale(functional.mse_loss(net(x), y)).backward()  # type: ignore[no-untyped-call]
        scaler.step(optimizer)
        scaler.update()

    return step


def test_a_scaled_loss_is_refused() -> None:
    def step(net: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        stepping_with_a_scaler(torch.amp.GradScaler("cpu"), net, optimizer)(x, y)

    sentence = "scales its loss by 65536 with a GradScaler; accepted: a step without scaling"
    assert sentence in refused(step)


def test_a_scaler_that_is_turned_off_changes_nothing() -> None:
    net, scaler = net_of(), torch.amp.GradScaler("cpu", enabled=False)
    result = climbed_with(net, lambda optimizer: stepping_with_a_scaler(scaler, net, optimizer))
    assert result.holds, str(result)


@pytest.mark.parametrize(
    ("draw", "whose"),
    [
        (lambda: torch.rand(()), "PyTorch"),
        (np.random.random, "NumPy"),
        (random.random, "Python"),
    ],
    ids=["torch", "numpy", "random"],
)
def test_a_step_of_chance_is_refused(draw: Callable[[], Any], whose: str) -> None:
    """Such as one that leaves a layer out now and then: it would be lucky or not."""

    def step(net: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        loss = functional.mse_loss(net(x) if draw() < 2 else y, y)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    assert f"draws random numbers from {whose}'s generator; accepted: a step" in refused(step)


def test_a_generator_of_the_ports_own_is_refused() -> None:
    generator = torch.Generator()

    def step(net: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        kept = torch.rand((), generator=generator) < 2
        functional.mse_loss(net(x) * kept, y).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    assert "calls rand with a generator of its own; accepted: a step without" in refused(step)


class Centred(nn.Module):
    """A port with a tensor that each step moves, which Keras does not have."""

    def __init__(self, start: Tensor, by: float) -> None:
        super().__init__()
        self.net, self.by = net_of(), by
        self.first, self.second = nn.Module(), nn.Module()
        for each in (self.first, self.second):
            each.register_buffer("centre", start)  # one tensor in two modules

    def forward(self, x: Tensor) -> Tensor:
        """Return the predictions less the centre, which is moved before."""
        with torch.no_grad():
            self.first.centre.add_(self.by)  # type: ignore[operator]
        outputs: Tensor = self.net(x) - self.second.centre
        return outputs


@pytest.mark.parametrize("by", [0.0, 0.1])
def test_a_tensor_that_is_not_compared_must_stay_as_it_is(by: float) -> None:
    net = Centred(torch.zeros(()), by)

    def step_of(optimizer: torch.optim.Optimizer) -> Step:
        return stepping(net, optimizer)

    if not by:
        assert climbed_with(net, step_of).holds
        return
    with pytest.raises(LadderError, match=r"changes first.centre, which has no counterpart in"):
        climbed_with(net, step_of)


def test_named_results_of_functions_keep_their_names() -> None:
    class Largest(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 1)

        def forward(self, x: Tensor) -> Tensor:
            outputs: Tensor = self.head(x.max(dim=1).values)
            return outputs

    model = keras.Sequential([keras.Input((3, 4)), L.GlobalMaxPooling1D(), L.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    source = np.random.default_rng(0)
    batches = [(source.normal(size=(5, 3, 4)), source.normal(size=(5, 1))) for _ in range(2)]
    result = climbed(model, sgd_port(model, Largest()), batches)
    assert result.holds, str(result)


def test_a_second_climb_begins_with_the_settings_of_that_moment() -> None:
    model, net = regression(L.Dense(3, activation="tanh")), net_of()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.2)
    pairs = pair(model, net, quiet=True)
    port = TorchSide(net, stepping(net, optimizer), optimizer, pairs=pairs)
    assert not climbed(model, port).holds
    optimizer.param_groups[0]["lr"] = 0.1
    result = climbed(model, port)
    assert result.holds, str(result)
    optimizer.param_groups[0]["lr"] = 5.0
    assert not climbed(model, port).holds


def test_gradients_that_are_not_cleared_are_told_even_after_one_step() -> None:
    net = net_of()

    def step_of(optimizer: torch.optim.Optimizer) -> Step:
        def step(x: Tensor, y: Tensor) -> None:
            functional.mse_loss(net(x), y).backward()  # type: ignore[no-untyped-call]
            optimizer.step()

        return step

    model = regression(L.Dense(3, activation="tanh"))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    pairs = pair(model, net, quiet=True)
    result = climbed(model, TorchSide(net, step_of(optimizer), optimizer, pairs=pairs), numbers(1))
    assert "the step adds its gradients to those that the one before has left" in result.notes


def test_a_second_optimizer_is_refused_before_it_steps() -> None:
    def step(net: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        second = torch.optim.Adam(net.parameters())
        functional.mse_loss(net(x), y).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        second.step()

    assert "steps a second optimizer, Adam, on parameters of the module" in refused(step)


def test_a_batch_that_has_no_parts_is_refused() -> None:
    model, net = regression(L.Dense(3)), nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    pairs = pair(model, net, quiet=True)
    port = TorchSide(net, stepping(net, optimizer), optimizer, pairs=pairs)
    with pytest.raises(LadderError, match="a batch is of type ndarray; accepted: a tuple such as"):
        climbed(model, port, [x for x, _ in numbers()])


def test_an_optimizer_of_other_parameters_is_refused() -> None:
    model, net = regression(L.Dense(3)), nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1))
    scale = nn.Parameter(torch.ones(()))
    optimizer = torch.optim.SGD([*net.parameters(), scale], lr=0.1)
    pairs = pair(model, net, quiet=True)
    with pytest.raises(LadderError, match="has 1 parameters that are no part of the module"):
        TorchSide(net, stepping(net, optimizer), optimizer, pairs=pairs)


class HandWrittenSGD(torch.optim.Optimizer):
    """Decouples its weight decay, as Keras' SGD does, without a word about it."""

    def __init__(self, parameters: Any, lr: float, weight_decay: float) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """Make one update."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(group["lr"] * parameter.grad)


def test_a_decay_that_an_optimizer_of_ones_own_decouples_is_no_penalty() -> None:
    model, net = regression(L.Dense(3)), nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1))
    model.compile(keras.optimizers.SGD(0.1, weight_decay=0.25), "mean_squared_error")
    optimizer = HandWrittenSGD(net.parameters(), lr=0.1, weight_decay=0.25)
    step = stepping(net, optimizer)
    result = climbed(model, TorchSide(net, step, optimizer, pairs=pair(model, net, quiet=True)))
    assert result.holds, str(result)
