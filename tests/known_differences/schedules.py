"""Planted differences in schedules: when they are stepped, and from where."""

import math
from typing import Any

import keras
from torch import nn, optim
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from keras_for_torch import CosineDecay, KerasScheduler, KerasSGD
from parity_ladder import TorchSide
from tests.known_differences.dense_training import (
    MakesScheduler,
    dense_model,
    dense_port,
    measurements,
    update_case,
)
from tests.known_differences.planting import Planted

K = keras.optimizers
RATE = 0.1


def sgd(net: nn.Module) -> Optimizer:
    """Return plain gradient descent."""
    return optim.SGD(net.parameters(), RATE)


def schedule_case(
    entry: str,
    schedule: keras.optimizers.schedules.LearningRateSchedule,
    *,
    sound: MakesScheduler,
    faulty: MakesScheduler,
) -> Planted:
    """Return a case in which only the scheduler is another one."""
    return Planted(
        entry,
        lambda: dense_model(K.SGD(schedule)),
        lambda model, is_faulty: dense_port(
            model, sgd, makes_scheduler=faulty if is_faulty else sound
        ),
        measurements,
    )


def factor(update: int) -> float:
    """Return the fraction of the first rate that a cosine decay over 10 updates leaves."""
    return (1 + math.cos(math.pi * min(update, 10) / 10)) / 2


def cosine(optimizer: Optimizer) -> LambdaLR:
    """Return the sound scheduler of `CosineDecay(0.1, 10)`."""
    return LambdaLR(optimizer, factor)


COSINE = K.schedules.CosineDecay(RATE, 10)


def cosine_model() -> keras.Model:
    """Return a model with a cosine decay."""
    return dense_model(K.SGD(COSINE))


def cosine_port(model: keras.Model, lr: float = RATE, **settings: Any) -> TorchSide:
    """Return the sound port of that model, or one with other settings."""
    settings = {"makes_scheduler": cosine, **settings}
    return dense_port(model, lambda net: optim.SGD(net.parameters(), lr), **settings)


PLANTED = [
    update_case(
        "PyTorch's default rate",
        K.SGD,
        sound=lambda net: KerasSGD(net.parameters()),
        faulty=lambda net: optim.SGD(net.parameters()),
    ),
    update_case(
        "another constant rate",
        lambda: K.SGD(0.1),
        sound=lambda net: optim.SGD(net.parameters(), 0.1),
        faulty=lambda net: optim.SGD(net.parameters(), 0.05),
    ),
    Planted(
        "a constant rate for a schedule",
        cosine_model,
        lambda model, faulty: cosine_port(model, makes_scheduler=None if faulty else cosine),
        measurements,
    ),
    Planted(
        "a schedule by epochs",
        cosine_model,
        lambda model, faulty: cosine_port(model, is_stepped=not faulty),
        measurements,
    ),
    schedule_case(
        "a schedule one update ahead",
        COSINE,
        sound=cosine,
        faulty=lambda optimizer: LambdaLR(optimizer, lambda update: factor(update + 1)),
    ),
    schedule_case(
        "a schedule one update behind",
        COSINE,
        sound=cosine,
        faulty=lambda optimizer: LambdaLR(optimizer, lambda update: factor(max(update - 1, 0))),
    ),
    schedule_case(
        "a rate taken for a factor",
        COSINE,
        sound=lambda optimizer: KerasScheduler(optimizer, CosineDecay(RATE, 10)),
        faulty=lambda optimizer: LambdaLR(optimizer, CosineDecay(RATE, 10)),
    ),
    Planted(
        "a schedule from another rate",
        cosine_model,
        lambda model, faulty: cosine_port(model, lr=0.05 if faulty else RATE),
        measurements,
    ),
]
