"""The band in which a sound run's accuracy lies, derived from measured seeds."""

import json
import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2, norm

from parity_tests.results import results_folder

COVERAGE = 0.99
CONFIDENCE = 0.95


class Band(NamedTuple):
    """Closed interval of accuracies."""

    low: float
    high: float


def tolerance_band(accuracies: Iterable[float]) -> Band:
    """Interval that holds `COVERAGE` of all seeds, with `CONFIDENCE`, from a sample of them.

    Taken on the logarithm of the error rate: accuracies near 1 are skewed, their error's logarithm
    is close to normal (Shapiro-Wilk on the 20 seeds: p about 0.01 against 0.2). Howe's factor for
    the two-sided tolerance interval; with 20 seeds, 3.6 standard deviations.
    """
    sample = np.log1p(-np.array(list(accuracies)))
    reach = tolerance_factor(len(sample)) * float(sample.std(ddof=1))
    centre = float(sample.mean())
    return Band(1 - math.exp(centre + reach), 1 - math.exp(centre - reach))


def tolerance_factor(count: int) -> float:
    """Standard deviations on either side of the mean, for a sample of `count`."""
    degrees = count - 1
    quantile = norm.ppf((1 + COVERAGE) / 2)
    spread = degrees / chi2.ppf(1 - CONFIDENCE, degrees)
    return float(quantile * math.sqrt((1 + 1 / count) * spread))


def measured_accuracies(backend: str) -> dict[int, float]:
    """Validation accuracy after the first epoch of article-2, by seed.

    Measured by `scripts/accuracy_seeds.py --seeds 20 --out results/first_epoch_accuracy.jsonl`.
    """
    lines = (results_folder() / "first_epoch_accuracy.jsonl").read_text().splitlines()
    runs = [json.loads(line) for line in lines]
    asked = {"preset": "article-2", "epochs": 1, "backend": backend}
    return {run["seed"]: run["val_accuracy"] for run in runs if asked.items() <= run.items()}
