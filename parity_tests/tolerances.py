"""Every tolerance of the ladder, with its reason and the command that measures it again.

Two sound implementations differ by rounding. What it comes to is in the last column that

    python scripts/parity.py --preset article-3-addendum --dtype float64 --steps 938
    python scripts/parity.py --preset article-3-addendum --dtype float32 --steps 150

print for each rung: the worst element's difference over the largest magnitude in its tensor.
"""

import math
from typing import NamedTuple

from cnn_experiment import Experiment, RMSprop

RUNGS = (
    "data",
    "batches",
    "initial weights",
    "parameter counts and shapes",
    "layer outputs",
    "data loss",
    "penalty",
    "gradients",
    "learning rate",
    "optimizer state",
    "updated weights",
    "epoch metrics",
    "trajectory",
)

# Nothing is computed in two ways on these rungs, so what is not equal is different.
COPIES = ("data", "batches", "initial weights", "parameter counts and shapes", "learning rate")

# Magnitudes below this count as this, so that rounding noise around zero is no difference.
SMALLEST_SCALE = 1e-9

# One step from a shared state. float64: two sound implementations stay below 2e-13; the smallest
# known difference, a constant that is not rounded to float32, is 5e-8.
ONE_STEP_FLOAT64 = 1e-11

# float32: some ten times the worst of a whole epoch of three presets, up to the next power of ten.
# `python scripts/measure_tolerances.py one-step --steps 938` measures it again, beside what one ulp
# in the weights makes of the same step: where it turns a ReLU on or off, a hundred times as much.
ONE_STEP_FLOAT32 = {
    "layer outputs": 1e-5,
    "data loss": 1e-3,
    "penalty": 1e-5,
    "gradients": 1e-3,
    "optimizer state": 1e-3,
    "updated weights": 1e-4,
    "epoch metrics": 1e-5,
}


class Trajectory(NamedTuple):
    """Absolute tolerances of a free-running float64 epoch, up to this momentum and count of steps.

    Rounding grows with the steps, and fastest with momentum 0.9, where Keras itself, begun one ulp
    away, parts by 2e-11 to 3e-10 in an epoch. A constant that is not rounded as in Keras parts the
    losses by 1e-8 at once.
    """

    momentum: float
    steps: int
    loss: float
    weight: float


TRAJECTORIES = (
    Trajectory(momentum=0.5, steps=938, loss=1e-12, weight=1e-12),
    Trajectory(momentum=1.0, steps=200, loss=1e-12, weight=1e-11),
    Trajectory(momentum=1.0, steps=938, loss=1e-10, weight=1e-10),
)

# Free-running in float32: how much further than one-ulp twins of one framework the two frameworks
# may part, as a logarithm, by phase (see `envelope.Envelope.excess`). Twice as far before chance
# events set in; while they do and after, 30 times. With 7 twins a side, groups of twins of one
# framework go beyond it in less than 1 case of 1000, by the estimate that
# `python scripts/measure_tolerances.py envelope` makes from runs of several seeds.
ENVELOPE_EXCESS = {"early": math.log(2), "middle": math.log(30), "late": math.log(30)}
TWINS = 7


def of_rung(rung: str, experiment: Experiment) -> float:
    """Tolerance of a rung, relative to the tensor's scale; of the last rung as it is judged."""
    if rung in COPIES:
        return 0.0
    if rung == "trajectory":
        in_float64 = experiment.dtype == "float64"
        return of_trajectory(experiment).loss if in_float64 else ENVELOPE_EXCESS["early"]
    return ONE_STEP_FLOAT64 if experiment.dtype == "float64" else ONE_STEP_FLOAT32[rung]


def of_trajectory(experiment: Experiment) -> Trajectory:
    """Return what is allowed for one free-running float64 epoch of the experiment."""
    optimizer = experiment.optimizer
    momentum = optimizer.momentum if isinstance(optimizer, RMSprop) else optimizer.beta_1
    for row in TRAJECTORIES:
        if momentum <= row.momentum and experiment.steps_per_epoch <= row.steps:
            return row
    return TRAJECTORIES[-1]
