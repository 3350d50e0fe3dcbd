"""How the time of training grows with the batch, the network, the threads and the images."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

import numpy as np

from cnn_experiment import Experiment, preset
from measurements.benchmark import interval
from measurements.child_processes import cores
from measurements.contest import contest
from measurements.peers import must_be_comparable
from measurements.peers.process import Entry

PRESET = "article-3-addendum"
BATCH_SIZES = (16, 64, 256, 1024)
FILTERS = (1, 2, 4)
IMAGES = (6_000, 20_000, 60_000)
IMAGES_IN_A_TURN = 6_400
"""Enough for 100 steps of the article's batch; with more filters it takes longer."""
UNIT = "time of an image, or of an epoch"
OURS, KERAS, USUAL = "ours", "keras", "usual"


class Growth(TypedDict):
    """One row: one setting changed to one value."""

    setting: str
    value: int
    ours: float
    """The time of an image over that at the usual value, both ours, in the same round: a median.

    The usual values are those of the article, and all cores. Where images are the setting, it is
    the time of an epoch over that of the fewest images."""
    keras: float
    """The same of Keras' time over ours at the usual value."""
    keras_over_ours: float
    low: float
    high: float
    """The 95 % bootstrap interval of the median ratio `keras_over_ours`."""


def growth(rounds: int) -> Iterator[Growth]:
    """Measure each value of each setting: ours, Keras', and ours at the setting's usual value."""
    experiment = preset(PRESET)
    must_be_comparable(experiment, PRESET)
    usual = _steps(experiment, "float32")
    for size in BATCH_SIZES:
        changed = experiment.with_changes(batch_size=size)
        yield _row("batch size", size, usual, changed, rounds)
    for times in FILTERS:
        yield _row("filters, times the article's", times, usual, _wider(experiment, times), rounds)
    for threads in dict.fromkeys((1, cores())):
        yield _row("threads", threads, usual, experiment, rounds, threads)
    for images in IMAGES:
        yield _of_an_epoch(experiment, images, rounds)


def _steps(experiment: Experiment, contestant: str, threads: int | None = None) -> Entry:
    steps = max(2, IMAGES_IN_A_TURN // experiment.batch_size)
    return Entry(contestant, experiment, steps, threads or cores())


def _row(
    setting: str,
    value: int,
    usual: Entry,
    changed: Experiment,
    rounds: int,
    threads: int | None = None,
) -> Growth:
    entries = {
        USUAL: usual,
        OURS: _steps(changed, "float32", threads),
        KERAS: _steps(changed, "keras", threads),
    }
    images = {name: each.steps * each.experiment.batch_size for name, each in entries.items()}
    return _compared(setting, value, entries, images, rounds)


def _of_an_epoch(experiment: Experiment, images: int, rounds: int) -> Growth:
    """An epoch as `train` does it, with the evaluation after it and the model's start before."""

    def of(count: int) -> Experiment:
        data = experiment.data.with_changes(train_images=count)
        return experiment.with_changes(data=data, epochs=1)

    entries = {
        USUAL: Entry("epoch", of(IMAGES[0]), 1, cores()),
        OURS: Entry("epoch", of(images), 1, cores()),
        KERAS: Entry("keras-epoch", of(images), 1, cores()),
    }
    return _compared("images of an epoch", images, entries, dict.fromkeys(entries, 1), rounds)


def _compared(
    setting: str,
    value: int,
    entries: Mapping[str, Entry],
    images: Mapping[str, int],
    rounds: int,
) -> Growth:
    seconds = contest(entries, rounds).seconds
    each = {name: seconds[name, 0] / count for name, count in images.items()}
    ratio = interval(each[KERAS] / each[OURS])
    return {
        "setting": setting,
        "value": value,
        "ours": round(float(np.median(each[OURS] / each[USUAL])), 3),
        "keras": round(float(np.median(each[KERAS] / each[USUAL])), 3),
        "keras_over_ours": round(ratio["median"], 3),
        "low": round(ratio["low"], 3),
        "high": round(ratio["high"], 3),
    }


def _wider(experiment: Experiment, times: int) -> Experiment:
    network = experiment.network
    convolutions = tuple(
        each.with_changes(filters=times * each.filters) for each in network.convolutions
    )
    return experiment.with_changes(network=network.with_changes(convolutions=convolutions))


def settings_of(rows: Sequence[Growth]) -> list[str]:
    """Return the settings, in their order."""
    return list(dict.fromkeys(row["setting"] for row in rows))
