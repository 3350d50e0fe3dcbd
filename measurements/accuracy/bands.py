"""The bands in which accuracies and losses of a correct run lie, from measured seeds."""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2, norm

from cnn_experiment import preset
from measurements.accuracy.runs import METRICS, AccuracyRun, Metric, read_runs
from parity_tests.results import results_folder

FILE = "accuracy.jsonl"
"""In the folder of results; `scripts/accuracy_bands.py` fills it."""
BACKENDS = ("keras", "torch")
DIFFERENCE = "torch - keras"

TOGETHER = 0.99
"""Part of all seeds that lie in every band of an epoch at once."""
COVERAGE = 1 - (1 - TOGETHER) / (len(METRICS) * (len(BACKENDS) + 1))
"""Part of all seeds that lie in one band.

The twelve bands of an epoch share the rest that `TOGETHER` allows (Bonferroni), which holds however
strongly they are correlated.
"""
CONFIDENCE = 0.95
_LEAST = 1e-6
"""Smaller errors and losses count as this, so that 0 has a reciprocal."""


class ToleranceBand(NamedTuple):
    """The closed interval in which most seeds lie."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, float) and self.low <= value <= self.high


Bands = Mapping[tuple[str, Metric], ToleranceBand]
"""By backend (or `DIFFERENCE`) and metric: the band of its reciprocal."""


def tolerance_band(values: Iterable[float]) -> ToleranceBand:
    """Return the interval that holds `COVERAGE` of all seeds with `CONFIDENCE`, from a sample.

    The values, of which there are at least two, are taken to be normally distributed: the two-sided
    tolerance interval with Howe's factor.
    """
    sample = np.array(list(values))
    reach = tolerance_factor(len(sample), COVERAGE) * float(sample.std(ddof=1))
    centre = float(sample.mean())
    return ToleranceBand(centre - reach, centre + reach)


def tolerance_factor(count: int, coverage: float) -> float:
    """Return the standard deviations on either side of the mean, for a sample of `count`."""
    degrees = count - 1
    quantile = norm.ppf((1 + coverage) / 2)
    spread = degrees / chi2.ppf(1 - CONFIDENCE, degrees)
    return float(quantile * math.sqrt((1 + 1 / count) * spread))


def reciprocal(metric: Metric, value: float) -> float:
    """Return the images for each error, or 1 over a loss, which are about normally distributed.

    Accuracies and losses themselves are skewed over the seeds, and their logarithms still are on
    the validation images; `scripts/accuracy_bands.py --analyse` prints the Shapiro-Wilk test beside
    each band.
    """
    return 1 / max(1 - value if metric.endswith("accuracy") else value, _LEAST)


def plain(metric: Metric, band: ToleranceBand) -> ToleranceBand:
    """Return a band of reciprocals as a band of the metric itself."""
    most, least = (1 / max(end, _LEAST) for end in band)
    if metric.endswith("accuracy"):
        return ToleranceBand(max(0.0, 1 - most), 1 - least)
    return ToleranceBand(least, most)


@cache
def measured_runs(preset_name: str) -> tuple[AccuracyRun, ...]:
    """Return the finished trainings that come with the code, of a preset and all its epochs."""
    epochs = preset(preset_name).epochs
    runs = read_runs(results_folder() / FILE)
    return tuple(run for run in runs if (run.preset, run.epochs) == (preset_name, epochs))


def sample(runs: Iterable[AccuracyRun], epoch: int) -> dict[tuple[str, Metric], list[float]]:
    """Return the reciprocals of all seeds after an epoch, by backend (or `DIFFERENCE`) and metric.

    Two runs of one seed share images, weights and batches, so that the band of their difference is
    narrower than the band of either.
    """
    keras, torch = (
        {run.seed: run.metrics(epoch) for run in runs if run.contestant == name}
        for name in BACKENDS
    )
    reciprocals: dict[tuple[str, Metric], list[float]] = {}
    for metric in METRICS:
        for name, side in zip(BACKENDS, (keras, torch), strict=True):
            reciprocals[name, metric] = [
                reciprocal(metric, side[seed][metric]) for seed in sorted(side)
            ]
        reciprocals[DIFFERENCE, metric] = [
            reciprocal(metric, torch[seed][metric]) - reciprocal(metric, keras[seed][metric])
            for seed in sorted(keras.keys() & torch.keys())
        ]
    return reciprocals


def bands(runs: Sequence[AccuracyRun], epoch: int) -> Bands:
    """Return the band of each backend and metric after an epoch, from runs of one experiment."""
    return {key: tolerance_band(values) for key, values in sample(runs, epoch).items()}


def outside(sound: Bands, measured: Mapping[str, Mapping[Metric, float]]) -> list[str]:
    """Return what lies outside of its band, a sentence each.

    `measured` holds the metrics of one seed after one epoch, by backend. Where both backends are
    given, their difference is judged too.
    """
    values = {
        (name, metric): reciprocal(metric, value)
        for name, metrics in measured.items()
        for metric, value in metrics.items()
    }
    if set(measured) == set(BACKENDS):
        for metric in METRICS:
            values[DIFFERENCE, metric] = values["torch", metric] - values["keras", metric]
    return [
        f"{name}, {metric}: its reciprocal {value:.4f} is not in"
        f" {sound[name, metric].low:.4f} to {sound[name, metric].high:.4f}"
        for (name, metric), value in values.items()
        if value not in sound[name, metric]
    ]
