"""Train the NumPy MLP: shuffled batches, momentum, a learning rate that falls each epoch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnn_experiment import epoch_batches
from numpy_mlp.network import Matrix, forward, propagate

Propagate = Callable[..., tuple[Matrix, list[Matrix]]]


@dataclass(frozen=True)
class Settings:
    """The settings of one run; the defaults are the article's."""

    hidden: tuple[int, ...] = (70, 30)
    epochs: int = 35
    batch_size: int = 500
    learning_rate: float = 1e-3
    decrease: float = 1e-6
    """Before epoch i (from 0) the learning rate is divided by 1 + decrease * i."""
    momentum: float = 5e-5
    """The fraction of the previous correction that is added to the current one."""
    l1: float = 0.0
    l2: float = 0.01
    seed: int = 0
    dtype: str = "float32"


@dataclass(frozen=True)
class Record:
    """The results of one epoch.

    `accuracy` counts each training image with the weights before the update on its batch.
    """

    epoch: int
    learning_rate: float
    accuracy: float


def learning_rate(settings: Settings, epoch: int) -> float:
    """Return the learning rate of `epoch`, counted from 0."""
    rate = settings.learning_rate
    for number in range(epoch + 1):
        rate /= 1 + settings.decrease * number
    return rate


def initial_weights(sizes: Sequence[int], seed: int, dtype: str = "float32") -> list[Matrix]:
    """Return weights drawn uniformly from -r to r, with r = 2 / sqrt(1 + inputs), for each layer.

    `sizes` are the numbers of nodes from the input layer to the output layer. The article calls
    this distribution `sqrt_nodes`.
    """
    source = np.random.RandomState(seed)
    return [
        source.uniform(-1, 1, (nodes, 1 + inputs)).astype(dtype) * np.dtype(dtype).type(reach)
        for inputs, nodes in pairwise(sizes)
        for reach in (2 / np.sqrt(1 + inputs),)
    ]


def train(
    images: NDArray[Any],
    labels: NDArray[np.int64],
    settings: Settings | None = None,
    *,
    by: Propagate = propagate,
    on_epoch: Callable[[Record], object] = lambda _: None,
) -> tuple[list[Matrix], list[Record]]:
    """Train on `images`, (count, pixels), with labels 0 to 9; return the weights and the records.

    The loss of a batch is the sum over its images, not their average, as in the article. `by` is
    the function that does the forward and backward pass.
    """
    settings = settings or Settings()
    images = images.astype(settings.dtype, copy=False)
    one_hot = np.eye(10, dtype=settings.dtype)[:, labels]
    sizes = (images.shape[1], *settings.hidden, 10)
    weights = initial_weights(sizes, settings.seed, settings.dtype)
    previous = [np.zeros_like(matrix) for matrix in weights]
    number_of = np.dtype(settings.dtype).type
    momentum = number_of(settings.momentum)
    records = []

    for epoch in range(settings.epochs):
        rate = learning_rate(settings, epoch)
        hits = 0
        for batch in epoch_batches(settings.seed, epoch, len(images), settings.batch_size):
            part = (weights, images[batch], one_hot[:, batch])
            output, gradients = by(*part, l1=settings.l1, l2=settings.l2)
            hits += int((output.argmax(0) == labels[batch]).sum())
            for number, gradient in enumerate(gradients):
                correction = number_of(rate) * gradient
                weights[number] -= correction + momentum * previous[number]
                previous[number] = correction
        records.append(Record(epoch + 1, rate, hits / len(images)))
        on_epoch(records[-1])
    return weights, records


def accuracy(weights: Sequence[Matrix], images: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """Return the fraction of the images, (count, pixels), that are classified correctly."""
    last = forward(weights, images.astype(weights[0].dtype))[-1]
    return float((last.argmax(0) == labels).mean())
