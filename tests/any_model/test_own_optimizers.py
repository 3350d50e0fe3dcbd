"""An optimizer that is none of PyTorch's: its state goes by the names that its author gave it."""

from typing import Any

import keras
import pytest
import torch
from torch import nn

from keras_for_torch import KerasAdam
from parity_ladder import LadderError, Result, TorchSide, pair
from tests.any_model.small_models import L, OwnMomentum, climbed, judged, stepping


class Damped(OwnMomentum):
    """The same, but for an update that takes a part of the momentum."""

    part = 0.8


class Plain(torch.optim.Optimizer):
    """Without momentum."""

    def __init__(self, parameters: Any, lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:  # noqa: ARG002
        """Update all parameters."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter -= group["lr"] * parameter.grad


def climbed_with(made: Any, *, optimizer_of_keras: Any = None, **options: Any) -> Result:
    model = keras.Sequential([keras.Input((4,)), L.Dense(3, activation="tanh"), L.Dense(1)])
    model.compile(optimizer_of_keras or keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
    optimizer = made(net.parameters(), lr=0.1)
    pairs = pair(model, net, quiet=True)
    port = TorchSide(net, stepping(net, optimizer), optimizer, pairs=pairs, **options)
    return climbed(model, port)


def test_its_state_is_compared_by_the_names_of_keras_that_it_is_given() -> None:
    result = climbed_with(OwnMomentum, state_names={"speed": "momentum"})
    assert result.holds, str(result)
    assert {"initial optimizer state", "optimizer state", "updated weights"} <= judged(result)


def test_another_equation_differs() -> None:
    result = climbed_with(Damped, state_names={"speed": "momentum"})
    assert result.first_difference is not None
    assert str(result.first_difference).startswith("updated weights, step 0: ")


def test_nothing_is_said_of_an_optimizer_that_keeps_nothing() -> None:
    result = climbed_with(Plain)
    assert "initial optimizer state, before the first step: momentum/" in str(result)
    assert result.causes == ()


class OwnAdam(torch.optim.Optimizer):
    """Adam with a count and names of its own."""

    def __init__(self, parameters: Any, lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:  # noqa: ARG002
        """Update all parameters."""
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                if not state:
                    zeros = torch.zeros_like(parameter)
                    state.update({"t": 0, "m": zeros, "v": zeros.clone()})
                state["t"] += 1
                state["m"] = 0.9 * state["m"] + 0.1 * parameter.grad
                state["v"] = 0.999 * state["v"] + 0.001 * parameter.grad**2
                size = group["lr"] * (1 - 0.999 ** state["t"]) ** 0.5 / (1 - 0.9 ** state["t"])
                parameter -= size * state["m"] / (state["v"].sqrt() + 1e-7)


def test_a_count_of_updates_goes_by_keras_name_too() -> None:
    names = {"m": "momentum", "v": "velocity", "t": "iteration"}
    result = climbed_with(OwnAdam, optimizer_of_keras=keras.optimizers.Adam(0.1), state_names=names)
    assert result.holds, str(result)


def test_a_state_of_another_shape_is_refused() -> None:
    with pytest.raises(LadderError, match=r"Adafactor keeps row_var of shape .*; accepted: an opt"):
        climbed_with(torch.optim.Adafactor)


def test_a_parameter_of_one_number_is_climbed() -> None:
    class Scale(L.Layer):  # type: ignore[misc]
        def build(self, _: Any) -> None:
            self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

        def call(self, x: Any) -> Any:
            return x * self.scale

    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.scale = nn.Linear(4, 1), nn.Parameter(torch.ones(()))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            outputs: torch.Tensor = self.scale * self.head(x)
            return outputs

    model = keras.Sequential([keras.Input((4,)), L.Dense(1), Scale(name="own")])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    net = Scaled()
    optimizer = KerasAdam(net.parameters(), lr=0.01)
    pairs = pair(model, net, quiet=True)
    result = climbed(model, TorchSide(net, stepping(net, optimizer), optimizer, pairs=pairs))
    assert result.holds, str(result)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"state_names": ["speed"]}, r"state_names = \['speed'\]: accepted: a dict of names"),
        ({"state_names": {"speed": 1}}, "state_names = {'speed': 1}: accepted: a dict of names"),
        ({"epoch_metrics": "mse"}, "epoch_metrics is of type str; accepted: a function"),
        ({"scheduler": 3}, "scheduler is of type int; accepted: a scheduler of PyTorch"),
    ],
    ids=str,
)
def test_options_of_another_type_are_refused(options: Any, sentence: str) -> None:
    with pytest.raises(LadderError, match=sentence):
        climbed_with(OwnMomentum, **options)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (None, r"state_names = {}: OwnMomentum keeps speed, the Keras optimizer momentum"),
        ({"speed": "velocity"}, "state_names = {'speed': 'velocity'}: OwnMomentum keeps speed"),
        (
            {"speed": "momentum", "sped": "momentum"},
            "{'speed': 'momentum', 'sped': 'momentum'}: Ow",
        ),
        ({"sped": "momentum"}, "state_names = {'sped': 'momentum'}: OwnMomentum keeps speed"),
    ],
    ids=str,
)
def test_a_name_that_is_not_known_is_asked_for(names: Any, sentence: str) -> None:
    with pytest.raises(LadderError, match=sentence):
        climbed_with(OwnMomentum, state_names=names)
