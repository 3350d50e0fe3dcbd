"""Every tolerance of the ladder, with its reason and the command that measures it again.

Two sound implementations differ by rounding. What it comes to is in the last column that

    python scripts/parity.py --preset article-3-addendum --dtype float64 --steps 938
    python scripts/parity.py --preset article-3-addendum --dtype float32 --steps 150

print for each rung: the worst element's difference over the largest magnitude in its tensor.
"""

from typing import Literal

Dtype = Literal["float32", "float64"]

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

# One step from a shared state. float64: sound ports stay below 1e-12, and the smallest known
# difference, a constant that is not rounded to float32, is 5e-8. float32: provisional, unmeasured.
ONE_STEP: dict[Dtype, float] = {"float64": 1e-11, "float32": 1e-3}

# Free-running in float64, absolute: rounding grows with the steps, most with momentum 0.9 (about
# 1e-11 after 938 steps); a constant that is not rounded parts the losses by 1e-8 at once.
TRAJECTORY_LOSS = {200: 1e-12, 938: 1e-10}
TRAJECTORY_WEIGHT = {200: 1e-11, 938: 1e-10}


def of_one_step(rung: str, dtype: Dtype) -> float:
    """Tolerance, relative to the tensor's scale, of a rung that looks at single steps."""
    return 0.0 if rung in COPIES else ONE_STEP[dtype]


def of_trajectory(table: dict[int, float], steps: int) -> float:
    """Absolute tolerance of a float64 trajectory of so many steps."""
    return next((value for limit, value in table.items() if steps <= limit), max(table.values()))
