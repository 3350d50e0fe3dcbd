"""What a contestant is: made of an experiment and its digits, then called with a count of steps."""

import itertools
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from cnn_experiment import Digits, Experiment, batch_order

Contestant = Callable[[int], None]
"""Trains so many steps on, from where the last call ended."""


def batches(experiment: Experiment, digits: Digits) -> Iterator[NDArray[np.int64]]:
    """Indices of full batches, epoch after epoch."""
    images = len(digits.train_labels)
    for epoch in itertools.count():
        order = batch_order(experiment.seed, epoch, images)
        for begin in range(0, images - experiment.batch_size + 1, experiment.batch_size):
            yield order[begin : begin + experiment.batch_size]
