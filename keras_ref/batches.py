"""The experiment's batches in the form that `fit` accepts."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cnn_experiment import Digits, Experiment, epoch_batches


class SeededBatches(keras.utils.PyDataset):
    """The batches of an epoch, (images, one-hot labels), in the order that the seed gives.

    The last batch may be smaller. `fit(x, y, shuffle=True)` would use another order. Pass
    `order_callback()` to `fit` together with this dataset, because only `fit` knows the number of
    the epoch. (The dataset cannot count epochs in its own `on_epoch_end`, since `fit` also calls
    that once before the first epoch.)
    """

    def __init__(self, experiment: Experiment, digits: Digits) -> None:
        super().__init__()
        self._experiment = experiment
        self._images_nhwc = digits.train_images_nhwc
        self._one_hot = one_hot(digits.train_labels, experiment)
        self.begin_epoch(0)

    def begin_epoch(self, epoch: int, first: int = 0) -> None:
        """Provide the batches of `epoch`, counted from 0, starting with batch `first`."""
        seed, size = self._experiment.seed, self._experiment.batch_size
        self._batches = epoch_batches(seed, epoch, len(self._one_hot), size)[first:]

    def order_callback(self, first: int = 0) -> keras.callbacks.Callback:
        """Return a callback that calls `begin_epoch` at the beginning of each epoch of `fit`."""
        return keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: self.begin_epoch(epoch, first)  # noqa: ARG005
        )

    def __len__(self) -> int:
        """Number of batches of the current epoch, from batch `first` on."""
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return batch `index`, counted from batch `first`."""
        batch = self._batches[index]
        return self._images_nhwc[batch], self._one_hot[batch]


def one_hot(labels: NDArray[np.int64], experiment: Experiment) -> NDArray[Any]:
    """Return the labels one-hot encoded, (count, classes), in the experiment's dtype."""
    classes = experiment.network.output.units
    return np.eye(classes, dtype=experiment.dtype)[labels]
