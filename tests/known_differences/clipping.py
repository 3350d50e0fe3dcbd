"""Planted differences in the clipping of gradients."""

from collections.abc import Callable
from typing import Any

import keras
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from keras_for_torch import KerasSGD
from parity_ladder import TorchSide
from tests.known_differences.dense_training import dense_model, dense_port, measurements
from tests.known_differences.planting import Planted

K = keras.optimizers
LIMIT = 0.1
L2 = 0.05
Clips = Callable[[nn.Module], object]


def by_one_norm(net: nn.Module) -> None:
    """Clip by the norm of all gradients together."""
    clip_grad_norm_(net.parameters(), LIMIT)


def each_by_its_norm(net: nn.Module) -> None:
    """Clip each gradient by its own norm, with PyTorch's 1e-6."""
    for parameter in net.parameters():
        clip_grad_norm_([parameter], LIMIT)


def by_value(net: nn.Module) -> None:
    """Clip each element."""
    clip_grad_value_(net.parameters(), LIMIT)


@torch.no_grad()
def each_as_keras(net: nn.Module) -> None:
    """Clip each gradient as `clipnorm` does."""
    for parameter in net.parameters():
        assert parameter.grad is not None
        parameter.grad.mul_(LIMIT / parameter.grad.norm().clamp(min=LIMIT))


@torch.no_grad()
def all_as_keras(net: nn.Module) -> None:
    """Clip all gradients as `global_clipnorm` does."""
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    norm = torch.sqrt(sum((g.square().sum() for g in gradients), torch.zeros(())))
    for gradient in gradients:
        gradient.mul_(LIMIT / norm.clamp(min=LIMIT))


@torch.no_grad()
def halved(net: nn.Module) -> None:
    """Halve all gradients."""
    for parameter in net.parameters():
        assert parameter.grad is not None
        parameter.grad.div_(2)


def nothing(net: nn.Module) -> None:
    """Do not clip."""


def case(entry: str, settings: dict[str, Any], *, sound: Clips, faulty: Clips) -> Planted:
    """Return a case in which only the clipping before the update is another one."""
    return Planted(
        entry,
        lambda: dense_model(K.SGD(0.1, **settings)),
        lambda model, is_faulty: dense_port(
            model,
            lambda net: KerasSGD(net.parameters(), 0.1),
            before=faulty if is_faulty else sound,
        ),
        measurements,
    )


def penalised_port(model: keras.Model, faulty: bool) -> TorchSide:
    """Return a port with an L2 penalty, as the optimizer's weight decay if it is faulty."""

    def penalty(net: nn.Module) -> torch.Tensor:
        return L2 * list(net.parameters())[2].square().sum()

    def optimizer(net: nn.Module) -> torch.optim.Optimizer:
        first, second, kernel, last = net.parameters()
        groups: list[dict[str, Any]] = [
            {"params": [first, second, last]},
            {"params": [kernel], "weight_decay": 2 * L2 if faulty else 0.0},
        ]
        return torch.optim.SGD(groups, 0.1)

    added = None if faulty else penalty
    return dense_port(model, optimizer, before_backward=added, before=all_as_keras)


PLANTED = [
    case(
        "one norm for all variables",
        {"clipnorm": LIMIT},
        sound=each_as_keras,
        faulty=by_one_norm,
    ),
    case(
        "a norm for each variable",
        {"global_clipnorm": LIMIT},
        sound=all_as_keras,
        faulty=each_by_its_norm,
    ),
    case(
        "1e-6 added to the norm",
        {"global_clipnorm": LIMIT},
        sound=all_as_keras,
        faulty=by_one_norm,
    ),
    case("clipping left out", {"clipvalue": LIMIT}, sound=by_value, faulty=nothing),
    case(
        "values clipped, not norms",
        {"clipnorm": LIMIT},
        sound=each_as_keras,
        faulty=by_value,
    ),
    case(
        "norms clipped, not values",
        {"clipvalue": LIMIT},
        sound=by_value,
        faulty=by_one_norm,
    ),
    Planted(
        "weight decay after clipping",
        lambda: dense_model(
            K.SGD(0.1, global_clipnorm=LIMIT), kernel_regularizer=keras.regularizers.L2(L2)
        ),
        penalised_port,
        measurements,
    ),
    case(
        "another limit of clipping",
        {"global_clipnorm": LIMIT / 2},
        sound=lambda net: [all_as_keras(net), halved(net)],
        faulty=all_as_keras,
    ),
    case("clipping added", {}, sound=nothing, faulty=by_one_norm),
]
