"""The band in which a sound run's accuracy lies, derived from measured seeds."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2, norm

RESULTS = Path(__file__).parents[1] / "results" / "first_epoch_accuracy.jsonl"
COVERAGE = 0.99
CONFIDENCE = 0.95


class Band(NamedTuple):
    """Closed interval of accuracies."""

    low: float
    high: float


def tolerance_band(values: Iterable[float]) -> Band:
    """Interval that holds `COVERAGE` of a normal population, with `CONFIDENCE`, from a sample.

    Howe's factor for the two-sided tolerance interval: with 20 seeds, 3.6 standard deviations.
    """
    sample = np.array(list(values))
    degrees = len(sample) - 1
    quantile = norm.ppf((1 + COVERAGE) / 2)
    spread = degrees / chi2.ppf(1 - CONFIDENCE, degrees)
    factor = quantile * math.sqrt((1 + 1 / len(sample)) * spread)
    reach = float(factor * sample.std(ddof=1))
    return Band(float(sample.mean()) - reach, float(sample.mean()) + reach)


def measured_accuracies(backend: str) -> dict[int, float]:
    """Validation accuracy after the first epoch of article-2, by seed.

    Measured by `scripts/accuracy_seeds.py --seeds 20 --out results/first_epoch_accuracy.jsonl`.
    """
    runs = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    return {run["seed"]: run["val_accuracy"] for run in runs if run["backend"] == backend}
