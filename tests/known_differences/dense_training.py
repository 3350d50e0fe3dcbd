"""A small dense network and its training, in which differences of the update are planted."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from parity_ladder import TorchSide, pair
from tests.known_differences.planting import STEPS, Batch, Planted

L = keras.layers
MakesOptimizer = Callable[[nn.Module], Optimizer]
MakesScheduler = Callable[[Optimizer], Any]
Changes = Callable[[nn.Module], object]


def dense_model(optimizer: keras.optimizers.Optimizer, **settings: Any) -> keras.Model:
    """Return a compiled regression with two dense layers; `settings` are those of the second."""
    model = keras.Sequential(
        [keras.Input((4,)), L.Dense(3, activation="tanh", name="hidden"), L.Dense(2, **settings)]
    )
    model.compile(optimizer, "mse")
    return model


def dense_port(
    model: keras.Model,
    makes_optimizer: MakesOptimizer,
    *,
    makes_scheduler: MakesScheduler | None = None,
    before_backward: Callable[[nn.Module], Tensor] | None = None,
    before: Changes = lambda _: None,
    after: Changes = lambda _: None,
    is_stepped: bool = True,
) -> TorchSide:
    """Return the port, as its training loop is usually written.

    `before_backward` returns what is added to the loss. `before` and `after` are called just before
    and after the optimizer's step. A scheduler that is not stepped waits for the end of the epoch.
    """
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    optimizer = makes_optimizer(net)
    scheduler = None if makes_scheduler is None else makes_scheduler(optimizer)

    def step(inputs: Tensor, targets: Tensor) -> None:
        optimizer.zero_grad()
        loss = functional.mse_loss(net(inputs), targets)
        if before_backward is not None:
            loss = loss + before_backward(net)
        loss.backward()  # type: ignore[no-untyped-call]
        before(net)
        optimizer.step()
        after(net)
        if scheduler is not None and is_stepped:
            scheduler.step()

    schedulers = () if scheduler is None else (scheduler,)
    pairs = pair(model, net, quiet=True)
    return TorchSide(net, step, optimizer, pairs=pairs, scheduler=schedulers)


def measurements() -> Sequence[Batch]:
    """Return batches of 5 random inputs (batch, 4) and targets (batch, 2)."""
    source = np.random.default_rng(2)
    return [(source.normal(size=(5, 4)), source.normal(size=(5, 2))) for _ in range(STEPS)]


def update_case(
    entry: str,
    optimizer: Callable[[], keras.optimizers.Optimizer],
    *,
    sound: MakesOptimizer,
    faulty: MakesOptimizer,
) -> Planted:
    """Return a case in which only the port's optimizer is another one."""
    return Planted(
        entry,
        lambda: dense_model(optimizer()),
        lambda model, is_faulty: dense_port(model, faulty if is_faulty else sound),
        measurements,
    )
