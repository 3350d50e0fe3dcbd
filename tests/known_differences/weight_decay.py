"""Planted differences in weight decay."""

from collections.abc import Callable
from typing import Any

import keras
import torch
from torch import nn, optim

from keras_for_torch import KerasAdam, KerasAdamW, KerasSGD
from tests.known_differences.dense_training import (
    dense_model,
    dense_port,
    measurements,
    update_case,
)
from tests.known_differences.planting import Planted

K = keras.optimizers
RATE, DECAY = 0.1, 0.05


def adam_with_decay(net: nn.Module) -> optim.Optimizer:
    """Return the sound port of `Adam(0.01, weight_decay=0.05)`."""
    return KerasAdam(net.parameters(), 0.01, decoupled_weight_decay=DECAY)


def kernels_alone(net: nn.Module) -> optim.Optimizer:
    """Return an AdamW in which biases do not decay."""
    named = list(net.named_parameters())
    groups: list[dict[str, Any]] = [
        {"params": [parameter for name, parameter in named if name.endswith("weight")]},
        {"params": [p for name, p in named if name.endswith("bias")], "weight_decay": 0.0},
    ]
    return KerasAdamW(groups, 0.01, weight_decay=DECAY)


def everything(net: nn.Module) -> optim.Optimizer:
    """Return an AdamW in which all weights decay."""
    return KerasAdamW(net.parameters(), 0.01, weight_decay=DECAY)


def without_biases() -> keras.optimizers.Optimizer:
    """Return Keras' AdamW in which biases do not decay."""
    optimizer = K.AdamW(0.01, weight_decay=DECAY)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def shrunk(factor: float) -> Callable[[nn.Module], None]:
    """Return a function that multiplies all parameters by a factor."""

    @torch.no_grad()
    def shrink(net: nn.Module) -> None:
        for parameter in net.parameters():
            parameter.mul_(factor)

    return shrink


def sgd_port(model: keras.Model, **changes: Any) -> Any:
    """Return a port with SGD and a weight decay of its own."""
    return dense_port(model, lambda net: KerasSGD(net.parameters(), RATE), **changes)


PLANTED = [
    update_case(
        "weight decay left out",
        lambda: K.Adam(0.01, weight_decay=DECAY),
        sound=adam_with_decay,
        faulty=lambda net: KerasAdam(net.parameters(), 0.01),
    ),
    update_case(
        "weight decay added",
        lambda: K.Adam(0.01),
        sound=lambda net: KerasAdam(net.parameters(), 0.01),
        faulty=adam_with_decay,
    ),
    update_case(
        "another weight decay",
        lambda: K.AdamW(0.01),
        sound=lambda net: KerasAdamW(net.parameters(), 0.01),
        faulty=everything,
    ),
    update_case(
        "weight decay of excluded variables",
        without_biases,
        sound=kernels_alone,
        faulty=everything,
    ),
    update_case(
        "weight decay of some variables only",
        lambda: K.AdamW(0.01, weight_decay=DECAY),
        sound=everything,
        faulty=kernels_alone,
    ),
    Planted(
        "weight decay without the learning rate",
        lambda: dense_model(K.SGD(RATE, weight_decay=DECAY)),
        lambda model, faulty: sgd_port(
            model, before=shrunk(1 - DECAY if faulty else 1 - RATE * DECAY)
        ),
        measurements,
    ),
    Planted(
        "weight decay after the update",
        lambda: dense_model(K.SGD(RATE, weight_decay=DECAY)),
        lambda model, faulty: sgd_port(
            model, **{"after" if faulty else "before": shrunk(1 - RATE * DECAY)}
        ),
        measurements,
    ),
    update_case(
        "weight decay coupled to the gradient",
        lambda: K.Adam(0.01, weight_decay=DECAY),
        sound=adam_with_decay,
        faulty=lambda net: KerasAdam(net.parameters(), 0.01, weight_decay=DECAY),
    ),
]
