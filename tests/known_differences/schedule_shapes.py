"""Planted differences in the shape of a schedule."""

import keras
from torch.optim import lr_scheduler
from torch.optim.lr_scheduler import LambdaLR

from keras_for_torch import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    KerasScheduler,
    PolynomialDecay,
)
from keras_for_torch.schedules import Schedule
from tests.known_differences.dense_training import MakesScheduler
from tests.known_differences.schedules import RATE, factor, schedule_case

S = keras.optimizers.schedules


def scheduler(schedule: Schedule) -> MakesScheduler:
    """Return what attaches a schedule of Keras to an optimizer."""
    return lambda optimizer: KerasScheduler(optimizer, schedule)


PLANTED = [
    schedule_case(
        "cosine rises again",
        S.CosineDecay(RATE, 1),
        sound=scheduler(CosineDecay(RATE, 1)),
        faulty=lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 1),
    ),
    schedule_case(
        "alpha taken for a rate",
        S.CosineDecay(RATE, 10, alpha=0.2),
        sound=lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 10, 0.2 * RATE),
        faulty=lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 10, 0.2),
    ),
    schedule_case(
        "cosine down to 0",
        S.CosineDecay(RATE, 10, alpha=0.2),
        sound=lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 10, 0.2 * RATE),
        faulty=lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 10),
    ),
    schedule_case(
        "warm-up left out",
        S.CosineDecay(0.01, 10, warmup_target=RATE, warmup_steps=2),
        sound=scheduler(CosineDecay(0.01, 10, warmup_target=RATE, warmup_steps=2)),
        faulty=lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 10),
    ),
    schedule_case(
        "a decay within the warm-up",
        S.CosineDecay(0.05, 10, warmup_target=RATE, warmup_steps=1),
        sound=lambda optimizer: LambdaLR(
            optimizer, lambda update: 0.5 if update == 0 else factor(update - 1)
        ),
        faulty=lambda optimizer: LambdaLR(
            optimizer, lambda update: 0.5 if update == 0 else factor(update)
        ),
    ),
    schedule_case(
        "restarts of equal length",
        S.CosineDecayRestarts(RATE, 1, t_mul=3.0, m_mul=0.8),
        sound=scheduler(CosineDecayRestarts(RATE, 1, t_mul=3.0, m_mul=0.8)),
        faulty=scheduler(CosineDecayRestarts(RATE, 1, t_mul=1.0, m_mul=0.8)),
    ),
    schedule_case(
        "restarts at full height",
        S.CosineDecayRestarts(RATE, 1, t_mul=2.0, m_mul=0.8),
        sound=scheduler(CosineDecayRestarts(RATE, 1, t_mul=2.0, m_mul=0.8)),
        faulty=lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 1, 2),
    ),
    schedule_case(
        "decay_rate at each update",
        S.ExponentialDecay(RATE, 4, 0.9),
        sound=lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.9 ** (1 / 4)),
        faulty=lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.9),
    ),
    schedule_case(
        "staircase left out",
        S.ExponentialDecay(RATE, 2, 0.9, staircase=True),
        sound=lambda optimizer: lr_scheduler.StepLR(optimizer, 2, 0.9),
        faulty=lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.9**0.5),
    ),
    schedule_case(
        "staircase added",
        S.ExponentialDecay(RATE, 2, 0.9),
        sound=scheduler(ExponentialDecay(RATE, 2, 0.9)),
        faulty=lambda optimizer: lr_scheduler.StepLR(optimizer, 2, 0.9),
    ),
    schedule_case(
        "polynomial down to 0",
        S.PolynomialDecay(RATE, 10, end_learning_rate=0.01, power=2.0),
        sound=scheduler(PolynomialDecay(RATE, 10, end_learning_rate=0.01, power=2.0)),
        faulty=lambda optimizer: lr_scheduler.PolynomialLR(optimizer, 10, 2.0),
    ),
    schedule_case(
        "polynomial of power 1",
        S.PolynomialDecay(RATE, 10, end_learning_rate=0.0, power=2.0),
        sound=lambda optimizer: lr_scheduler.PolynomialLR(optimizer, 10, 2.0),
        faulty=lambda optimizer: lr_scheduler.PolynomialLR(optimizer, 10),
    ),
    schedule_case(
        "boundaries one update early",
        S.PiecewiseConstantDecay([1], [RATE, RATE / 10]),
        sound=lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [2], 0.1),
        faulty=lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [1], 0.1),
    ),
]
