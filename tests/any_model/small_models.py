"""Small Keras models, PyTorch modules and batches that the tests of the sides share."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import torch
from torch import Tensor, nn
from torch.nn import functional

from parity_ladder import KerasSide, Result, TorchSide, climb, pair

L = keras.layers
STEPS = 3


@contextmanager
def eagerly() -> Iterator[None]:
    """Run Keras step by step: compiling a small model takes longer than a few of its steps."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def regression(*layers: keras.layers.Layer, rate: float = 0.1) -> keras.Model:
    """A compiled model of 4 numbers, these layers, and one number to predict; plain SGD."""
    model = keras.Sequential([keras.Input((4,)), *layers, L.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mean_squared_error")
    return model


def numbers(count: int = STEPS, size: int = 5) -> list[tuple[Any, Any]]:
    """Batches of `size` samples: inputs (size, 4) and targets (size, 1), in float32."""
    source = np.random.default_rng(1)
    return [
        (
            source.normal(size=(size, 4)).astype(np.float32),
            source.normal(size=(size, 1)).astype(np.float32),
        )
        for _ in range(count)
    ]


class OwnMomentum(torch.optim.Optimizer):
    """Momentum as Keras computes it, as a person writes it."""

    part = 1.0
    """Of the momentum, what is added to the weights."""

    def __init__(self, parameters: Any, lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:  # noqa: ARG002
        """Update all parameters."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    state = self.state[parameter]
                    speed = state.get("speed", torch.zeros_like(parameter))
                    state["speed"] = 0.9 * speed - group["lr"] * parameter.grad
                    parameter += self.part * state["speed"]


def stepping(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss_of: Callable[[Tensor, Tensor], Tensor] = functional.mse_loss,
) -> Callable[[Any, Tensor], Tensor]:
    """Return an ordinary training step of a module."""

    def step(x: Any, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = loss_of(net(x), y)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss

    return step


def sgd_port(model: keras.Model, net: nn.Module, rate: float = 0.1, **options: Any) -> TorchSide:
    """Return the port of a regression with plain SGD."""
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)
    pairs = pair(model, net, quiet=True)
    return TorchSide(net, stepping(net, optimizer), optimizer, pairs=pairs, **options)


def climbed(
    model: keras.Model, port: TorchSide, batches: Sequence[Any] | None = None, **options: Any
) -> Result:
    """Climb with Keras run eagerly."""
    with eagerly():
        reference = KerasSide(model, **options)
        return climb(port, reference, numbers() if batches is None else batches)


def judged(result: Result) -> set[str]:
    """Return the rungs that hold."""
    return {rung.rung for rung in result.rungs if rung.passed}
