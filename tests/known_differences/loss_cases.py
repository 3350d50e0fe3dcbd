"""Ports with another loss than the model's: one dense layer, and plain SGD at rate 0.1."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from parity_ladder import TorchSide, pair
from tests.known_differences.planting import STEPS, Batch, Planted

L = keras.layers
Loss = Callable[..., Tensor]
"""Gets the scores of the dense layer, the labels and, if there are any, the sample weights."""
Labels = Callable[[np.random.Generator, tuple[int, ...]], NDArray[Any]]
"""Draws labels for scores (samples, ..., outputs)."""


def classes(source: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the numbers of classes."""
    return np.asarray(source.integers(0, shape[-1], shape[:-1]), np.int64)


def one_hot(source: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return one-hot labels."""
    return np.asarray(np.eye(shape[-1])[classes(source, shape)])


def zeros_and_ones(source: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return labels 0 and 1 for each output."""
    return source.integers(0, 2, shape).astype(float)


def numbers(source: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return numbers of either sign."""
    return source.normal(size=shape)


def counts(source: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return whole numbers from 0 up."""
    return source.poisson(2.0, shape).astype(float)


def distributions(source: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return probabilities that add up to 1 for each sample."""
    return source.dirichlet(np.ones(shape[-1]), shape[:-1])


def model_with(loss: Any, activation: Any, outputs: int, steps: int | None) -> keras.Model:
    """Return one dense layer on inputs (6,) or (steps, 6)."""
    shape = (6,) if steps is None else (steps, 6)
    model = keras.Sequential([keras.Input(shape), L.Dense(outputs, activation=activation)])
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model


def port_with(model: keras.Model, loss: Loss, outputs: int) -> TorchSide:
    """Return the port of such a model that trains with a loss of its own."""
    net = nn.Linear(6, outputs)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step(inputs: Tensor, *labels: Tensor) -> None:
        optimizer.zero_grad()
        loss(net(inputs), *labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return TorchSide(net, step, optimizer, pairs=pair(model, net, quiet=True))


def wrong_loss(
    entry: str,
    loss: Callable[[], Any],
    sound: Loss,
    faulty: Loss,
    labels: Labels,
    *,
    activation: Any = None,
    outputs: int = 3,
    steps: int | None = None,
    weights: bool = False,
    scale: float = 1.0,
) -> Planted:
    """Return a case whose port computes the `faulty` loss in place of the `sound` one.

    The inputs are drawn from a normal distribution with the deviation `scale`.
    """

    def batches() -> Sequence[Batch]:
        source = np.random.default_rng(1)
        middle = (5,) if steps is None else (5, steps)
        made: list[Batch] = []
        for _ in range(STEPS):
            inputs = source.normal(size=(*middle, 6)) * scale
            parts = (inputs, labels(source, (*middle, outputs)))
            made.append((*parts, source.uniform(0.5, 2.0, middle)) if weights else parts)
        return made

    return Planted(
        entry,
        lambda: model_with(loss(), activation, outputs, steps),
        lambda model, is_faulty: port_with(model, faulty if is_faulty else sound, outputs),
        batches,
    )
