"""An optimizer that is none of PyTorch's: its state goes by the names that its author gave it."""

from typing import Any

import keras
import pytest
import torch
from torch import nn

from parity_ladder import LadderError, Result, TorchSide, pair
from tests.any_model.small_models import L, OwnMomentum, climbed, judged, stepping


class Damped(OwnMomentum):
    """The same, but for an update that takes a part of the momentum."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:  # noqa: ARG002
        """Update all parameters."""
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                speed = state.get("speed", torch.zeros_like(parameter))
                state["speed"] = 0.9 * speed - group["lr"] * parameter.grad
                parameter += 0.8 * state["speed"]


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


def climbed_with(made: Any, **options: Any) -> Result:
    model = keras.Sequential([keras.Input((4,)), L.Dense(3, activation="tanh"), L.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
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


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (None, r"state_names = {}: OwnMomentum keeps speed, the Keras optimizer .*momentum;"),
        ({"speed": "velocity"}, "state_names = {'speed': 'velocity'}: OwnMomentum keeps speed"),
        ({"sped": "momentum"}, "state_names = {'sped': 'momentum'}: OwnMomentum keeps speed"),
    ],
    ids=str,
)
def test_a_name_that_is_not_known_is_asked_for(names: Any, sentence: str) -> None:
    with pytest.raises(LadderError, match=sentence):
        climbed_with(OwnMomentum, state_names=names)
