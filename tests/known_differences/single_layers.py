"""A model of one layer and a head, and its port, in which a layer's differences are planted."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from torch import Tensor, nn, optim
from torch.nn import functional

from parity_ladder import TorchSide, pair
from tests.known_differences.planting import STEPS, Batch, Planted

L = keras.layers
RATE = 0.1


def layer_model(
    layer: keras.layers.Layer, shape: Sequence[int], optimizer: Any = None
) -> keras.Model:
    """Return a compiled regression: the layer, its output flattened, and a dense layer."""
    model = keras.Sequential([keras.Input(shape), layer, L.Flatten(), L.Dense(2, name="head")])
    model.compile(optimizer or keras.optimizers.SGD(RATE), "mse")
    return model


class LayerNet(nn.Module):
    """The layer's module, its output flattened, and a linear layer."""

    def __init__(
        self, module: nn.Module, size: int, forward: Callable[[Any, Tensor], Tensor] | None
    ) -> None:
        super().__init__()
        self.layer, self.head = module, nn.Linear(size, 2)
        self._forward = forward

    def forward(self, inputs: Tensor) -> Tensor:
        """Return two numbers for each sample."""
        call = self._forward or (lambda module, values: module(values))
        outputs: Tensor = self.head(call(self.layer, inputs).flatten(1))
        return outputs


def channels_first(module: nn.Module, inputs: Tensor) -> Tensor:
    """Call a module that wants its channels on the second axis, with them on the last."""
    outputs: Tensor = module(inputs.movedim(-1, 1)).movedim(1, -1)
    return outputs


def layer_port(
    model: keras.Model,
    module: nn.Module,
    forward: Callable[[Any, Tensor], Tensor] | None = None,
    makes_optimizer: Callable[[nn.Module], optim.Optimizer] | None = None,
    dropout: Any = "shared",
) -> TorchSide:
    """Return the port of the model; `forward` calls the module, in another way than usual."""
    net = LayerNet(module, model.layers[-1].kernel.shape[0], forward)
    optimizer = makes_optimizer(net) if makes_optimizer else optim.SGD(net.parameters(), RATE)

    def step(inputs: Tensor, targets: Tensor) -> None:
        optimizer.zero_grad()
        functional.mse_loss(net(inputs), targets).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return TorchSide(net, step, optimizer, pairs=pair(model, net, quiet=True), dropout=dropout)


def values(*shape: int) -> Callable[[], Sequence[Batch]]:
    """Return a function that makes batches of 5 random inputs of a shape, and their targets."""

    def batches() -> Sequence[Batch]:
        source = np.random.default_rng(3)
        return [
            (source.normal(0.2, 0.3, size=(5, *shape)), source.normal(size=(5, 2)))
            for _ in range(STEPS)
        ]

    return batches


def layer_case(
    entry: str,
    layer: Callable[[], keras.layers.Layer],
    shape: tuple[int, ...],
    *,
    sound: Callable[[], nn.Module],
    faulty: Callable[[], nn.Module],
    forward: Callable[[Any, Tensor], Tensor] | None = None,
    faulty_forward: Callable[[Any, Tensor], Tensor] | None = None,
    batches: Callable[[], Sequence[Batch]] | None = None,
) -> Planted:
    """Return a case in which only the layer's module is another one, or is called otherwise.

    `shape` is that of a sample. Without `batches`, the samples are random.
    """
    return Planted(
        entry,
        lambda: layer_model(layer(), shape),
        lambda model, is_faulty: layer_port(
            model,
            (faulty if is_faulty else sound)(),
            (faulty_forward or forward) if is_faulty else forward,
        ),
        batches or values(*shape),
    )
