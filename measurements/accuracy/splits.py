"""Does the split or the start move a result? A one-way analysis of variance over the splits.

The start is a run's initial weights and batches. Two runs of one split have two starts, and no
start is used twice, so that runs of one split differ by the start alone.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

import numpy as np
from scipy import stats

from measurements.accuracy.plan import planned_runs, studies_of
from measurements.accuracy.runs import DEVICES, AccuracyRun, finished

STUDIED = "DE"
"""The studies with two starts of each split."""
_TAILS = (0.025, 0.975)


def split_or_start(runs: Iterable[AccuracyRun]) -> list[dict[str, Any]]:
    """Return the deviations between splits and between starts, after the last epoch.

    Only splits with all their starts count, by device: two devices would be a difference between
    splits. Where there are fewer than two splits, nothing is told.
    """
    given = finished(runs)
    found = []
    for letter, device in product(STUDIED, DEVICES):
        studies = studies_of(letter)
        ours = {run.seed: run for run in planned_runs(letter, given) if run.device == device}
        complete = [
            [ours[seed] for seed in study.seeds]
            for study in studies
            if ours.keys() >= {*study.seeds}
        ]
        if len(complete) < 2:
            continue
        found.append(
            {
                "study": letter,
                "device": device,
                "splits": len(complete),
                "planned": len(studies),
                "starts": len(studies[0].seeds),
                "val_accuracy": variance([[run.val_accuracy[-1] for run in s] for s in complete]),
                "val_loss": variance([[run.val_loss[-1] for run in s] for s in complete]),
            }
        )
    return found


def variance(groups: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Return standard deviations between groups and within them, with 95 % intervals.

    All groups have the same size. The interval within a group is that of a variance (chi-square),
    the one between the groups is Williams' and Tukey's. A variance below 0 counts as 0.
    """
    values = np.array(groups)
    count, size = values.shape
    degrees, degrees_within = count - 1, count * (size - 1)
    square = size * float(values.mean(axis=1).var(ddof=1))
    square_within = float(values.var(axis=1, ddof=1).mean())

    # A great quantile belongs to the lower end.
    high, low = (
        degrees * (square - square_within * ratio) / (size * spread)
        for ratio, spread in zip(
            stats.f.ppf(_TAILS, degrees, degrees_within),
            stats.chi2.ppf(_TAILS, degrees),
            strict=True,
        )
    )
    high_within, low_within = (
        degrees_within * square_within / stats.chi2.ppf(_TAILS, degrees_within)
    )
    return {
        "between": _deviations(degrees, (square - square_within) / size, low, high),
        "within": _deviations(degrees_within, square_within, low_within, high_within),
    }


def _deviations(degrees: int, variance: float, low: float, high: float) -> dict[str, Any]:
    """Return the roots of a variance and of the ends of its interval."""
    middle, low, high = (math.sqrt(max(0.0, value)) for value in (variance, low, high))
    return {"degrees": degrees, "deviation": middle, "low": low, "high": high}
