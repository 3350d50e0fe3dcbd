"""The analysis of finished runs: means, comparisons and bands, ready for JSON."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from scipy import stats

from measurements.accuracy.bands import BACKENDS, DIFFERENCE, bands, outside, plain, sample
from measurements.accuracy.equivalence import (
    EPOCHS,
    MARGIN,
    convergence,
    epochs_to,
    equivalence,
    mean_of,
    paired_differences,
    pairs_needed,
    power,
)
from measurements.accuracy.runs import AccuracyRun, Device, Metric, finished

TARGET = 0.99
COMPARED = (("torch", "keras"), ("torch-bfloat16", "torch"), ("torch-stock-rmsprop", "keras"))
"""The contestants that are compared, as differences: the first minus the second."""
ENOUGH_FOR_BANDS = 20
"""The least number of seeds that both backends need. Bands from fewer seeds are too wide."""
BySeed = Mapping[int, AccuracyRun]


def analysis(runs: Iterable[AccuracyRun]) -> list[dict[str, Any]]:
    """Return contestants, comparisons and bands for each preset, number of epochs and device.

    Runs that diverged are left out. All values are from the last epoch, never from the best one,
    unless their name says otherwise.
    """
    ordered = sorted(finished(runs), key=_experiment)
    return [_of_an_experiment(*key, list(group)) for key, group in groupby(ordered, _experiment)]


def _experiment(run: AccuracyRun) -> tuple[str, int, Device]:
    return run.preset, run.epochs, run.device


def _of_an_experiment(
    preset: str, epochs: int, device: Device, runs: Sequence[AccuracyRun]
) -> dict[str, Any]:
    groups: dict[str, dict[int, AccuracyRun]] = {}
    for run in runs:
        groups.setdefault(run.contestant, {})[run.seed] = run

    compared = [(one, other) for one, other in COMPARED if len(_seeds(groups, one, other)) > 1]
    with_bands = len(_seeds(groups, *BACKENDS)) >= ENOUGH_FOR_BANDS
    looked_at = sorted({1, epochs}) if with_bands else []
    return {
        "preset": preset,
        "epochs": epochs,
        "device": device,
        "contestants": {name: _contestant(group) for name, group in sorted(groups.items())},
        "comparisons": [
            _comparison(one, other, groups[one], groups[other]) for one, other in compared
        ],
        "bands": [band for epoch in looked_at for band in _bands(runs, epoch)],
        "outside": [
            _outside(runs, groups["keras"], groups[name], epoch)
            for epoch in looked_at
            for name in sorted(groups.keys() - {"keras"})
        ],
    }


def _seeds(groups: Mapping[str, BySeed], one: str, other: str) -> list[int]:
    """Return the seeds that both contestants have."""
    return sorted(groups.get(one, {}).keys() & groups.get(other, {}).keys())


def _contestant(group: BySeed) -> dict[str, Any]:
    best = [max(run.val_accuracy) for run in group.values()]
    never = sum(highest < TARGET for highest in best)
    return {
        "runs": len(group),
        "val_accuracy": _mean([run.val_accuracy[-1] for run in group.values()]),
        "val_loss": _mean([run.val_loss[-1] for run in group.values()]),
        "best_epoch": {"mean": float(np.mean(best)), "highest": max(best)},
        "epochs_to_target": {
            "target": TARGET,
            "mean": float(np.mean([epochs_to(TARGET, run.val_accuracy) for run in group.values()])),
            "never": never,
        },
        "final_accuracies": {str(seed): run.val_accuracy[-1] for seed, run in group.items()},
    }


def _mean(values: Sequence[float]) -> dict[str, Any]:
    """Return the mean and its interval; a single run has no interval."""
    return mean_of(values)._asdict() if len(values) > 1 else {"size": 1, "mean": values[0]}


def _comparison(one: str, other: str, ours: BySeed, theirs: BySeed) -> dict[str, Any]:
    last = [{s: run.val_accuracy[-1] for s, run in side.items()} for side in (ours, theirs)]
    loss = [{s: run.val_loss[-1] for s, run in side.items()} for side in (ours, theirs)]
    by_epoch = [{s: run.val_accuracy for s, run in side.items()} for side in (ours, theirs)]
    differences = paired_differences(*last)
    judged = equivalence(differences)
    met = convergence(by_epoch[0], by_epoch[1], TARGET)

    return {
        "ours": one,
        "theirs": other,
        "margin": MARGIN,
        **judged._asdict(),
        "difference": judged.difference._asdict(),
        "differences": differences,
        "correlation": _correlation(*last),
        "power_if_equal": power(judged.difference.size, judged.difference.deviation),
        "pairs_needed_if_equal": pairs_needed(judged.difference.deviation),
        "val_loss_difference": mean_of(paired_differences(*loss))._asdict(),
        "convergence": {
            "target": TARGET,
            "margin": EPOCHS,
            **met._asdict(),
            "difference": met.difference._asdict(),
        },
    }


def _correlation(ours: Mapping[int, float], theirs: Mapping[int, float]) -> float | None:
    """Return the correlation of ours and theirs over the seeds; None if one of them is constant."""
    seeds = ours.keys() & theirs.keys()
    one, other = ([side[seed] for seed in seeds] for side in (ours, theirs))
    if min(np.ptp(one), np.ptp(other)) == 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def _bands(runs: Sequence[AccuracyRun], epoch: int) -> list[dict[str, Any]]:
    samples = sample(runs, epoch)
    return [
        {
            "epoch": epoch,
            "of": name,
            "figure": metric,
            **(band if name == DIFFERENCE else plain(metric, band))._asdict(),
            "normal_p": _normal_p(samples[name, metric]),
        }
        for (name, metric), band in bands(runs, epoch).items()
    ]


def _normal_p(values: Sequence[float]) -> float:
    """Return Shapiro-Wilk's p; values that are all the same do not speak against normality."""
    return 1.0 if np.ptp(values) == 0 else float(stats.shapiro(values).pvalue)


def _outside(
    runs: Sequence[AccuracyRun], theirs: BySeed, ours: BySeed, epoch: int
) -> dict[str, Any]:
    """Count the runs that the suite would reject if they were torch's runs.

    Each seed is judged by the bands of all other seeds. `by` counts the rejections of each band.
    """
    seeds = sorted(theirs.keys() & ours.keys())
    by: Counter[str] = Counter()
    rejected = 0

    for seed in seeds:
        # The seed itself must not widen the bands that judge it.
        sound = bands([run for run in runs if run.seed != seed], epoch)
        measured: dict[str, dict[Metric, float]] = {
            "keras": theirs[seed].metrics(epoch),
            "torch": ours[seed].metrics(epoch),
        }
        rejections = outside(sound, measured)
        by.update(sentence.partition(":")[0] for sentence in rejections)
        rejected += bool(rejections)

    (name,) = {run.contestant for run in ours.values()}
    return {"epoch": epoch, "of": name, "runs": len(seeds), "rejected": rejected, "by": dict(by)}
