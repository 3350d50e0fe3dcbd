"""Article II's losses on the training images, beside those of Keras, PyTorch and its RMSprop."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from measurements.accuracy.plan import planned_runs
from measurements.accuracy.runs import AccuracyRun, finished


def training_losses(
    runs: Iterable[AccuracyRun], earlier: Iterable[AccuracyRun]
) -> list[dict[str, Any]]:
    """Return means and standard deviations by epoch for each contestant with two or more seeds.

    Keras and PyTorch are those of study A in `runs`, `torch-stock-rmsprop` is among the `earlier`
    ones.
    """
    stock = [run for run in earlier if run.contestant == "torch-stock-rmsprop"]
    of_all = finished([*planned_runs("A", runs), *stock])
    found = []
    for name in ("keras", "torch", "torch-stock-rmsprop"):
        losses = np.array([run.loss for run in of_all if run.contestant == name])
        if len(losses) > 1:
            means, deviations = losses.mean(axis=0).tolist(), losses.std(axis=0, ddof=1).tolist()
            found.append(
                {"contestant": name, "runs": len(losses), "means": means, "deviations": deviations}
            )
    return found
