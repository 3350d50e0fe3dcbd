"""Where the articles' figures lie among the runs of the plan's descriptive studies."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from measurements.accuracy.plan import planned_runs, studies_of
from measurements.accuracy.published import (
    ACCURACY,
    FIRST_LOSS,
    HIGHEST,
    LOSS,
    LOWEST,
    PLACES,
    PUBLISHED,
    TRAINING_ACCURACY,
)
from measurements.accuracy.runs import AccuracyRun, finished

LOOKED_AT: Mapping[str, tuple[int, ...]] = {
    "B": (35,),
    "D": (22,),
    "E": (35,),
    "F": (22, 80),
    "G": (35, 80),
    "H": (80,),
}
"""By study: the epochs that count as its last one. An earlier one shows the run up to there."""

_NUMBERS: Mapping[str, Callable[[AccuracyRun, int], float]] = {
    ACCURACY: lambda run, epoch: run.val_accuracy[epoch - 1],
    LOSS: lambda run, epoch: run.val_loss[epoch - 1],
    HIGHEST: lambda run, epoch: max(run.val_accuracy[:epoch]),
    LOWEST: lambda run, epoch: min(run.val_loss[:epoch]),
    TRAINING_ACCURACY: lambda run, epoch: run.accuracy[epoch - 1],
    FIRST_LOSS: lambda run, _: run.loss[0],
}


def places(runs: Iterable[AccuracyRun]) -> list[dict[str, Any]]:
    """Return each number's spread over the runs of a study, and the published figures' places.

    Studies without a run, and runs that diverged, are left out. Runs of all splits are taken
    together.
    """
    given = finished(runs)
    found = []
    for letter, epochs in LOOKED_AT.items():
        recipe, contestants = studies_of(letter)[0].recipe, studies_of(letter)[0].contestants
        planned = sum(len(study.seeds) for study in studies_of(letter))
        for contestant in contestants:
            ours = [run for run in planned_runs(letter, given) if run.contestant == contestant]
            found += [
                {
                    "study": letter,
                    "preset": recipe._replace(split_seed=None).name,
                    "contestant": contestant,
                    "epoch": epoch,
                    "devices": sorted({run.device for run in ours}),
                    "runs": len(ours),
                    "planned": planned,
                    "numbers": {
                        name: _spread([_NUMBERS[name](run, epoch) for run in ours])
                        | {"published": [_place(name, figure, epoch, ours) for figure in figures]}
                        for name, figures in PUBLISHED[recipe.preset].items()
                    },
                }
                for epoch in (epochs if ours else ())
            ]
    return found


def _spread(values: Sequence[float]) -> dict[str, Any]:
    """Return where the values lie; a single one has no standard deviation."""
    return {
        "mean": float(np.mean(values)),
        "deviation": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "least": min(values),
        "greatest": max(values),
    }


def _place(name: str, figure: float, epoch: int, runs: Sequence[AccuracyRun]) -> dict[str, Any]:
    """Return how many runs reach a figure, and the share below it, of which ties count half.

    An accuracy reaches it from above, a loss from below, both rounded as the articles print them.
    """
    values = [round(_NUMBERS[name](run, epoch), PLACES) for run in runs]
    reached = sum(value <= figure if "loss" in name else value >= figure for value in values)
    low, high = stats.binomtest(reached, len(values)).proportion_ci(0.95, method="exact")
    return {
        "figure": figure,
        "reached": reached,
        "share": reached / len(values),
        "low": float(low),
        "high": float(high),
        "percentile": float(stats.percentileofscore(values, figure, kind="mean")),
    }
