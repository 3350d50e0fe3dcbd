"""The experiment's batches in the form that `fit` takes."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cnn_experiment import Digits, Experiment, epoch_batches


class SeededBatches(keras.utils.PyDataset):
    """Batches of (images, one-hot labels) in the seed's order of an epoch, the last one short.

    `fit(x, y, shuffle=True)` would draw an order of its own. Pass `order_callback()` to `fit` too:
    it is `fit` that knows which epoch it is in. (A dataset's own `on_epoch_end` will not do for
    counting, since `fit` calls it once before the first epoch.)
    """

    def __init__(self, experiment: Experiment, digits: Digits) -> None:
        super().__init__()
        self._experiment = experiment
        self._images_nhwc = digits.train_images_nhwc
        self._one_hot = one_hot(digits.train_labels, experiment)
        self.begin_epoch(0)

    def begin_epoch(self, epoch: int, first: int = 0) -> None:
        """Deal the batches of `epoch`, counted from 0, from batch `first` on."""
        seed, size = self._experiment.seed, self._experiment.batch_size
        self._batches = epoch_batches(seed, epoch, len(self._one_hot), size)[first:]

    def order_callback(self, first: int = 0) -> keras.callbacks.Callback:
        """A callback that calls `begin_epoch` for each epoch of `fit`."""
        return keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: self.begin_epoch(epoch, first)  # noqa: ARG005
        )

    def __len__(self) -> int:
        """Count of batches that the present epoch still has."""
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Batch `index` of those."""
        batch = self._batches[index]
        return self._images_nhwc[batch], self._one_hot[batch]


def one_hot(labels: NDArray[np.int64], experiment: Experiment) -> NDArray[Any]:
    """The labels as rows of 0 and 1, one column a class, in the experiment's dtype."""
    classes = experiment.network.output.units
    return np.eye(classes, dtype=experiment.dtype)[labels]
