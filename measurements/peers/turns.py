"""What a contestant is: made of an experiment, then called with a count of steps."""

import itertools
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from cnn_experiment import Experiment, batch_order

Contestant = Callable[[int], float]
"""Trains so many steps on, from where the last call ended; returns their mean loss."""


def batches(experiment: Experiment) -> Iterator[NDArray[np.int64]]:
    """Indices of full batches, epoch after epoch."""
    images = experiment.data.train_images
    for epoch in itertools.count():
        order = batch_order(experiment.seed, epoch, images)
        for begin in range(0, images - experiment.batch_size + 1, experiment.batch_size):
            yield order[begin : begin + experiment.batch_size]
