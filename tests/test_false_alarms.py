"""A sound port is never blamed: the examples' mended ports from many starts, and unusual ones.

    pytest tests/test_false_alarms.py -m slow

climbs 50 times, ten with each example, each from other weights and with other batches.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from keras_for_torch import KerasAdam
from parity_ladder import KerasSide, TorchSide, climb, pair
from parity_ladder.pairing import Pairs
from tests.any_model.small_models import OwnMomentum, eagerly, stepping

EXAMPLES = Path(__file__).parents[1] / "examples"
NAMES = ("autoencoder", "strided_cnn", "text_lstm", "transformer", "two_inputs")
SEEDS = 10


def modules_of(example: str) -> tuple[Any, Any]:
    """The example's `keras_model` and `port`, as if the current folder was its own."""
    sys.path.insert(0, str(EXAMPLES / example))
    try:
        for name in ("keras_model", "port"):
            sys.modules.pop(name, None)
        return importlib.import_module("keras_model"), importlib.import_module("port")
    finally:
        sys.path.pop(0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("example", NAMES)
def test_a_sound_port_never_gets_a_cause(example: str, seed: int) -> None:
    theirs, ours = modules_of(example)
    model = theirs.keras_model()
    source = np.random.default_rng(seed)
    model.set_weights(
        [
            weight
            if weight.dtype.kind != "f"
            else weight + np.abs(0.1 * source.normal(size=weight.shape)).astype(weight.dtype)
            for weight in model.get_weights()
        ]
    )
    batches = theirs.batches()
    batches = [batches[place] for place in source.permutation(len(batches))[:4]]
    options = {"scheduler": ours.scheduler} if hasattr(ours, "scheduler") else {}
    pairs = pair(model, ours.net, quiet=True)
    port = TorchSide(ours.net, ours.train_step, ours.optimizer, pairs=pairs, **options)
    with eagerly():
        result = climb(port, KerasSide(model), batches)
    assert result.holds, str(result)
    assert result.causes == ()


class HandMade(nn.Module):
    """Two dense layers of bare tensors, one of them in the layout of neither framework's layer."""

    def __init__(self) -> None:
        super().__init__()
        self.w1, self.b1 = nn.Parameter(torch.zeros(8, 4)), nn.Parameter(torch.zeros(8))
        self.w2, self.b2 = nn.Parameter(torch.zeros(8, 1)), nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the predictions (batch, 1) for x (batch, 4)."""
        return torch.tanh(x @ self.w1.T + self.b1) @ self.w2 + self.b2


def dense_net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))


def by_hand(model: keras.Model, net: HandMade) -> Pairs:
    pairs = pair(model, net, quiet=True)
    pairs["hidden/kernel"] = net.w1.T
    pairs["hidden/bias"] = net.b1
    pairs["out/kernel"] = net.w2
    pairs["out/bias"] = net.b2
    return pairs


def keras_adam(parameters: Any) -> torch.optim.Optimizer:
    return KerasAdam(parameters, lr=0.01)


def own_momentum(parameters: Any) -> torch.optim.Optimizer:
    return OwnMomentum(parameters, lr=0.01)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "case", ["fitted", "one large feature", "optimizer of one's own", "layout by hand"]
)
def test_a_sound_port_of_an_unusual_kind_never_gets_a_cause(case: str, seed: int) -> None:
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, activation="tanh", name="hidden"),
            keras.layers.Dense(1, name="out"),
        ]
    )
    has_own = case == "optimizer of one's own"
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9) if has_own else keras.optimizers.Adam(0.01), "mse"
    )
    source = np.random.default_rng(seed)
    inputs = source.normal(size=(6, 16, 4))
    if case == "one large feature":
        inputs[..., 1] *= 1e4
    targets = inputs[..., :1] + 0.5 * inputs[..., 2:3]
    batches = list(zip(inputs, targets, strict=True))
    if case == "fitted":
        model.fit(inputs.reshape(-1, 4), targets.reshape(-1, 1), epochs=60, verbose=0)

    net = HandMade() if case == "layout by hand" else dense_net()
    pairs = by_hand(model, net) if isinstance(net, HandMade) else pair(model, net, quiet=True)
    optimizer = (own_momentum if has_own else keras_adam)(net.parameters())
    names = {"speed": "momentum"} if has_own else None
    port = TorchSide(net, stepping(net, optimizer), optimizer, pairs=pairs, state_names=names)
    with eagerly():
        result = climb(port, KerasSide(model), batches)
    assert result.holds, str(result)
    assert result.causes == ()


@pytest.mark.parametrize("scale", [40, 100, 400])
@pytest.mark.parametrize("seed", range(2))
def test_a_sound_port_of_a_confident_classifier_never_gets_a_cause(seed: int, scale: float) -> None:
    """Losses and gradients are near an ulp of 1, where the frameworks round in other ways."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, activation="tanh"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    weights = model.get_weights()
    weights[2] *= scale
    model.set_weights(weights)
    inputs = np.random.default_rng(seed).normal(size=(5, 8, 4))
    labels = [np.asarray(model(each)) > 0.5 for each in inputs]

    net = dense_net()
    optimizer, loss = keras_adam(net.parameters()), functional.binary_cross_entropy_with_logits
    pairs = pair(model, net, quiet=True)
    port = TorchSide(net, stepping(net, optimizer, loss), optimizer, pairs=pairs)
    with eagerly():
        result = climb(
            port, KerasSide(model), [(x, y * 1.0) for x, y in zip(inputs, labels, strict=True)]
        )
    assert result.holds, str(result)
    assert result.causes == ()
