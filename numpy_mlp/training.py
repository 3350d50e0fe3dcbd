"""Train the NumPy MLP: batches, momentum, a learning rate that falls each epoch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnn_experiment import epoch_batches
from numpy_mlp.costs import Costs, costs, mean_weights
from numpy_mlp.network import Lap, Matrix, forward, input_layer, no_lap, propagate
from numpy_mlp.settings import Settings, initial_weights, learning_rate

Propagate = Callable[..., tuple[Matrix, list[Matrix]]]


@dataclass(frozen=True)
class Record:
    """The results of one epoch.

    `accuracy`, `error` and `last_batch` are those of each batch with the weights before its update.
    """

    epoch: int
    learning_rate: float
    accuracy: float
    """The fraction of the training images that are classified correctly."""
    error: float
    """The average of the batches' errors; the articles print 1 - `error` as an accuracy."""
    last_batch: Costs
    mean_weights: tuple[float, ...]
    """The average of |w| over each layer's matrix after the epoch."""


class Training:
    """A training that runs epoch by epoch.

    `inputs` come from `input_layer`; `labels` are 0 to 9. `by` is the function that does the
    forward and backward pass; `lap` hears when each part of a batch's work is done.
    """

    def __init__(
        self,
        inputs: Matrix,
        labels: NDArray[np.int64],
        settings: Settings,
        *,
        by: Propagate = propagate,
        lap: Lap = no_lap,
    ) -> None:
        self.settings, self.by, self.lap = settings, by, lap
        self.inputs = inputs.astype(settings.dtype, copy=False)
        self.labels = labels
        self.one_hot = np.eye(10, dtype=settings.dtype)[:, labels]
        sizes = (inputs.shape[1] - 1, *settings.hidden, 10)
        self.weights = initial_weights(sizes, settings)
        self.previous = [np.zeros_like(matrix) for matrix in self.weights]

    def run_epoch(self, epoch: int) -> Record:
        """Train for one epoch, counted from 0.

        The loss of a batch is the sum over its images, not their average, as in the article.
        """
        settings, rate = self.settings, learning_rate(self.settings, epoch)
        strengths = {"l1": settings.l1, "l2": settings.l2}
        hits, of_batches = 0, list[Costs]()
        for batch in self.batches(epoch):
            inputs, one_hot = self.inputs[batch], self.one_hot[:, batch]
            self.lap("batch")
            output, gradients = self.by(self.weights, inputs, one_hot, **strengths, lap=self.lap)
            of_batches.append(costs(self.weights, output, one_hot, **strengths, lap=self.lap))
            self.correct(rate, gradients)
            self.lap("correction")
            hits += int((output.argmax(0) == self.labels[batch]).sum())
            self.lap("hits")
        error = float(np.mean([each.error for each in of_batches]))
        accuracy = hits / len(self.inputs)
        means = mean_weights(self.weights)
        return Record(epoch + 1, rate, accuracy, error, of_batches[-1], means)

    def batches(self, epoch: int) -> list[NDArray[np.int64]]:
        """Return the indices of the images of each batch; the last batch may be smaller."""
        count, size = len(self.inputs), self.settings.batch_size
        if self.settings.shuffle:
            return epoch_batches(self.settings.seed, epoch, count, size)
        return np.split(np.arange(count), range(size, count, size))

    def correct(self, rate: float, gradients: Sequence[Matrix]) -> None:
        """Correct the weights by the gradients and a fraction of the previous correction."""
        number_of = np.dtype(self.settings.dtype).type
        momentum = number_of(self.settings.momentum)
        for number, gradient in enumerate(gradients):
            correction = number_of(rate) * gradient
            self.weights[number] -= correction + momentum * self.previous[number]
            self.previous[number] = correction


def train(
    images: NDArray[Any],
    labels: NDArray[np.int64],
    settings: Settings | None = None,
    *,
    by: Propagate = propagate,
    on_epoch: Callable[[Record], object] = lambda _: None,
) -> tuple[list[Matrix], list[Record]]:
    """Train on `images`, (count, pixels), with labels 0 to 9; return the weights and the records.

    `by` is the function that does the forward and backward pass.
    """
    settings = settings or Settings()
    training = Training(input_layer(images), labels, settings, by=by)
    records = []
    for epoch in range(settings.epochs):
        records.append(training.run_epoch(epoch))
        on_epoch(records[-1])
    return training.weights, records


def accuracy(weights: Sequence[Matrix], images: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """Return the fraction of the images, (count, pixels), that are classified correctly."""
    last = forward(weights, input_layer(images.astype(weights[0].dtype)))[-1]
    return float((last.argmax(0) == labels).mean())
