"""The bands in which a sound run's figures lie, derived from measured seeds."""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2, norm

from cnn_experiment import preset
from measurements.accuracy.runs import FIGURES, AccuracyRun, Figure, read_runs
from parity_tests.results import results_folder

FILE = "accuracy.jsonl"
"""By `scripts/accuracy_bands.py`, in the folder of results."""
BACKENDS = ("keras", "torch")
DIFFERENCE = "torch - keras"

TOGETHER = 0.99
"""Share of all seeds that lie in every band of an epoch at once."""
COVERAGE = 1 - (1 - TOGETHER) / (len(FIGURES) * (len(BACKENDS) + 1))
"""Of one band: twelve of them share what `TOGETHER` leaves, whatever depends on whatever."""
CONFIDENCE = 0.95
_LEAST = 1e-6
"""Errors and losses are not taken for less, so that 0 has a reciprocal."""


class Band(NamedTuple):
    """Closed interval."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, float) and self.low <= value <= self.high


Bands = Mapping[tuple[str, Figure], Band]
"""By backend (or `DIFFERENCE`) and figure: the band of its reciprocal."""


def tolerance_band(values: Iterable[float]) -> Band:
    """Interval that holds `COVERAGE` of all seeds, with `CONFIDENCE`, from a sample of them.

    Of figures that are about normal; of two at least. Howe's factor for the two-sided tolerance
    interval.
    """
    sample = np.array(list(values))
    reach = tolerance_factor(len(sample), COVERAGE) * float(sample.std(ddof=1))
    centre = float(sample.mean())
    return Band(centre - reach, centre + reach)


def tolerance_factor(count: int, coverage: float) -> float:
    """Standard deviations on either side of the mean, for a sample of `count`."""
    degrees = count - 1
    quantile = norm.ppf((1 + coverage) / 2)
    spread = degrees / chi2.ppf(1 - CONFIDENCE, degrees)
    return float(quantile * math.sqrt((1 + 1 / count) * spread))


def reciprocal(figure: Figure, value: float) -> float:
    """Images for each error, or 1 over a loss: as such, what seeds reach is about normal.

    Accuracies and losses themselves are skewed, and their logarithms still are on the validation
    images; `scripts/accuracy_bands.py --analyse` prints the Shapiro-Wilk test beside each band.
    """
    return 1 / max(1 - value if figure.endswith("accuracy") else value, _LEAST)


def plain(figure: Figure, band: Band) -> Band:
    """The band of reciprocals as a band of the figure itself."""
    most, least = (1 / max(end, _LEAST) for end in band)
    return Band(max(0.0, 1 - most), 1 - least) if figure.endswith("accuracy") else Band(least, most)


@cache
def measured_runs(preset_name: str) -> tuple[AccuracyRun, ...]:
    """The finished trainings of a preset, as long as it says, that come with the code."""
    epochs = preset(preset_name).epochs
    runs = read_runs(results_folder() / FILE)
    return tuple(run for run in runs if (run.preset, run.epochs) == (preset_name, epochs))


def sample(runs: Iterable[AccuracyRun], epoch: int) -> dict[tuple[str, Figure], list[float]]:
    """By backend (or `DIFFERENCE`) and figure, after an epoch: the reciprocals of all seeds.

    A pair of the same seed shares its images, weights and batches, so that the band of the
    difference is narrower than those of its sides.
    """
    keras, torch = (
        {run.seed: run.figures(epoch) for run in runs if run.contestant == name}
        for name in BACKENDS
    )
    found: dict[tuple[str, Figure], list[float]] = {}
    for figure in FIGURES:
        for name, side in zip(BACKENDS, (keras, torch), strict=True):
            found[name, figure] = [reciprocal(figure, side[seed][figure]) for seed in sorted(side)]
        found[DIFFERENCE, figure] = [
            reciprocal(figure, torch[seed][figure]) - reciprocal(figure, keras[seed][figure])
            for seed in sorted(keras.keys() & torch.keys())
        ]
    return found


def bands(runs: Sequence[AccuracyRun], epoch: int) -> Bands:
    """The band of each of them, from runs of one experiment."""
    return {key: tolerance_band(values) for key, values in sample(runs, epoch).items()}


def outside(sound: Bands, figures: Mapping[str, Mapping[Figure, float]]) -> list[str]:
    """Figures of one seed's epoch, by backend, that lie outside of their bands, as sentences.

    Where both backends are given, they are also held against each other.
    """
    values = {
        (name, figure): reciprocal(figure, value)
        for name, given in figures.items()
        for figure, value in given.items()
    }
    if set(figures) == set(BACKENDS):
        for figure in FIGURES:
            values[DIFFERENCE, figure] = values["torch", figure] - values["keras", figure]
    return [
        f"{name}, {figure}: its reciprocal {value:.4f} is not in"
        f" {sound[name, figure].low:.4f} to {sound[name, figure].high:.4f}"
        for (name, figure), value in values.items()
        if value not in sound[name, figure]
    ]
