"""The bands in which the accuracies and losses of correct runs lie, from measured seeds."""

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
"""A file in the folder of results, which `scripts/accuracy_bands.py` writes."""
BACKENDS = ("keras", "torch")
DIFFERENCE = "torch - keras"

TOGETHER = 0.99
"""The share of all seeds that lie in every band of an epoch."""
COVERAGE = 1 - (1 - TOGETHER) / (len(METRICS) * (len(BACKENDS) + 1))
"""The share of all seeds that lie in one band.

The share outside, which `TOGETHER` allows, is divided by the twelve bands of an epoch (Bonferroni).
This is safe however strongly the bands are correlated.
"""
CONFIDENCE = 0.95
_LEAST = 1e-6
"""Smaller errors and losses count as this value, so that 0 has a reciprocal."""


class ToleranceBand(NamedTuple):
    """The closed interval in which most seeds lie."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, float) and self.low <= value <= self.high


Bands = Mapping[tuple[str, Metric], ToleranceBand]
"""By backend (or `DIFFERENCE`) and metric: the band of the reciprocal, see `reciprocal`."""


def tolerance_band(values: Iterable[float]) -> ToleranceBand:
    """Return the interval that holds `COVERAGE` of all seeds with `CONFIDENCE`, from a sample.

    It is the two-sided tolerance interval of a normal distribution, with Howe's factor. Needs at
    least two values.
    """
    sample = np.array(list(values))
    reach = tolerance_factor(len(sample), COVERAGE) * float(sample.std(ddof=1))
    centre = float(sample.mean())
    return ToleranceBand(centre - reach, centre + reach)


def tolerance_factor(count: int, coverage: float) -> float:
    """Return half the width of the interval in standard deviations, for a sample of `count`."""
    degrees = count - 1
    quantile = norm.ppf((1 + coverage) / 2)
    spread = degrees / chi2.ppf(1 - CONFIDENCE, degrees)
    return float(quantile * math.sqrt((1 + 1 / count) * spread))


def reciprocal(metric: Metric, value: float) -> float:
    """Return 1 / loss, or 1 / (1 - accuracy), the number of images for each error.

    Over the seeds these are nearly normally distributed. Accuracies and losses themselves are
    skewed, and on the validation images even their logarithms are. For each band,
    `scripts/accuracy_bands.py --analyse` prints a test of normality (Shapiro-Wilk).
    """
    return 1 / max(1 - value if metric.endswith("accuracy") else value, _LEAST)


def plain(metric: Metric, band: ToleranceBand) -> ToleranceBand:
    """Return the band of the metric from the band of its reciprocal."""
    most, least = (1 / max(end, _LEAST) for end in band)
    if metric.endswith("accuracy"):
        return ToleranceBand(max(0.0, 1 - most), 1 - least)
    return ToleranceBand(least, most)


@cache
def measured_runs(preset_name: str) -> tuple[AccuracyRun, ...]:
    """Return the finished trainings of a preset that come with the code, over all its epochs."""
    epochs = preset(preset_name).epochs
    runs = read_runs(results_folder() / FILE)
    return tuple(run for run in runs if (run.preset, run.epochs) == (preset_name, epochs))


def sample(runs: Iterable[AccuracyRun], epoch: int) -> dict[tuple[str, Metric], list[float]]:
    """Return the reciprocals of all seeds after an epoch, by backend (or `DIFFERENCE`) and metric.

    Two runs with one seed have the same images, initial weights and batches, so the band of their
    difference is narrower than the bands of the two backends.
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
    """Return a sentence for each metric that lies outside its band.

    `measured` holds the metrics of one seed after one epoch, by backend. If both backends are
    given, their difference is judged, too.
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
