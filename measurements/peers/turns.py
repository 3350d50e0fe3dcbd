"""The interface of a contestant: a function that trains a number of steps."""

import itertools
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from cnn_experiment import Experiment, epoch_batches

Contestant = Callable[[int], float]
"""Trains this number of steps, from where the last call ended; returns their mean loss."""


def batches(experiment: Experiment) -> Iterator[NDArray[np.int64]]:
    """Yield the indices of full batches, epoch after epoch."""
    images, size = experiment.data.train_images, experiment.batch_size
    for epoch in itertools.count():
        for batch in epoch_batches(experiment.seed, epoch, images, size):
            if len(batch) == size:
                yield batch
