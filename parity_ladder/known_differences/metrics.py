"""Known differences in what is reported of an epoch."""

from typing import Any

import numpy as np

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import MetricsPlace

_KERAS = "keras/src/trainers/trainer.py; keras/src/metrics/reduction_metrics.py"
_LOSS = "loss"


def _by_batch(place: MetricsPlace) -> list[float]:
    """Return the metric of each batch."""
    return [float(metrics[place.array]) for metrics in place.by_batch]


def _sizes(place: MetricsPlace) -> list[int]:
    return [step.size or 0 for step in place.steps]


@known("metric averaged over batches", rung="epoch metrics", area="loop", source=_KERAS)
def averaged_over_batches(place: MetricsPlace) -> Any:
    """The port averages the values of the batches, though the last batch is shorter.

    Keras averages over samples. Write `total += loss.item() * len(x)`, and divide by the number of
    samples.
    """
    return {place.array: np.mean(_by_batch(place))} if len(set(_sizes(place))) > 1 else None


@known("metric computed batch by batch", rung="epoch metrics", area="loop", source=_KERAS)
def batch_by_batch(place: MetricsPlace) -> Any:
    """The port averages a metric over batches that is no mean, such as a root, AUC or precision.

    Keras computes it of all samples of the epoch at once: the root of the mean of all squared
    errors, for example. Keep what it is made of, and compute it at the end of the epoch.
    """
    return {place.array: np.average(_by_batch(place), weights=_sizes(place))}


@known("metric of the last batch", rung="epoch metrics", area="loop", source=_KERAS)
def last_batch(place: MetricsPlace) -> Any:
    """The port reports what it has of the last batch, and Keras reports the mean of the epoch.

    Add up `loss.item() * len(x)` over the batches, and divide by the number of samples.
    """
    return {place.array: _by_batch(place)[-1]}


@known("losses added up without the batch's size", rung="epoch metrics", area="loop", source=_KERAS)
def divided_by_samples(place: MetricsPlace) -> Any:
    """The port adds up the mean losses of batches, and divides by the number of samples.

    So what it reports is smaller by about the size of a batch. Write
    `total += loss.item() * len(x)`.
    """
    return {place.array: sum(_by_batch(place)) / sum(_sizes(place))}


@known("sum over samples divided by batches", rung="epoch metrics", area="loop", source=_KERAS)
def divided_by_batches(place: MetricsPlace) -> Any:
    """The port adds up over samples, and divides by the number of batches.

    Divide by the number of samples, `len(loader.dataset)` in place of `len(loader)`.
    """
    sizes, values = _sizes(place), _by_batch(place)
    return {place.array: float(np.dot(sizes, values)) / len(values)}


@known("metric added up over batches", rung="epoch metrics", area="loop", source=_KERAS)
def added_up(place: MetricsPlace) -> Any:
    """The port adds up the values of the batches, and divides by nothing.

    Keras averages over samples. Divide by the number of samples at the end of the epoch.
    """
    return {place.array: sum(_by_batch(place))}


@known("running average reported", rung="epoch metrics", area="loop", source=_KERAS)
def running_average(place: MetricsPlace) -> Any:
    """The port reports a running average, in which the last batches count most.

    Keras averages over all samples of the epoch. Add up `loss.item() * len(x)` over the batches,
    and divide by the number of samples.
    """
    values = _by_batch(place)
    candidates = []
    for kept in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999):
        for start in (values[0], 0.0):
            average = start
            for value in values:
                average = kept * average + (1 - kept) * value
            candidates.append(average)
    ours = place.ours[place.array]
    nearest = min(candidates, key=lambda each: abs(each - ours))
    return {place.array: nearest} if np.isclose(nearest, ours, rtol=1e-6) else None


@known("penalty left out of the report", rung="epoch metrics", area="loop", source=_KERAS)
def penalty_left_out(place: MetricsPlace) -> Any:
    """The loss that the port reports has no penalty in it, as where the optimizer adds it.

    Keras reports data loss plus penalty. Add `weight_decay / 2 * weight.square().sum()`, of all
    weights that decay, to the loss that is reported.
    """
    losses = [step.data_loss or 0.0 for step in place.steps]
    if place.array != _LOSS or not any(step.penalty for step in place.steps):
        return None
    return {_LOSS: np.average(losses, weights=_sizes(place))}


@known("metric in percent", rung="epoch metrics", area="loop", source=_KERAS)
def in_percent(place: MetricsPlace) -> Any:
    """The port reports its metric in percent, and Keras as a fraction.

    Divide by the number of samples alone: `correct / total`.
    """
    return None if place.array == _LOSS else {place.array: 100 * place.theirs[place.array]}
