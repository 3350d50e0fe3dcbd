"""The batches that both sides train on: images and labels of one experiment."""

from collections.abc import Sequence
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from cnn_experiment import Digits, Experiment, preset


def with_the_same_digits(experiment: Experiment) -> Experiment:
    """Return one experiment for all that load the same digits, as the key of a cache."""
    data, dtype, seed = experiment.data, experiment.dtype, experiment.seed
    return preset("article-2").with_changes(data=data, dtype=dtype, seed=seed)


class DigitBatch(NamedTuple):
    """Images (batch, height, width, channels) in the experiment's dtype, and labels (batch,)."""

    images_nhwc: NDArray[Any]
    labels: NDArray[np.int64]


class DigitBatches(Sequence[DigitBatch]):
    """The batches of an epoch. Each is copied out of the training images when it is accessed."""

    def __init__(self, digits: Digits, indices: Sequence[NDArray[np.int64]]) -> None:
        self._digits, self._indices = digits, indices

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self._indices)

    @overload
    def __getitem__(self, place: int) -> DigitBatch: ...

    @overload
    def __getitem__(self, place: slice) -> "DigitBatches": ...

    def __getitem__(self, place: int | slice) -> "DigitBatch | DigitBatches":
        """Return one batch, or some of them."""
        if isinstance(place, slice):
            return DigitBatches(self._digits, self._indices[place])
        index = self._indices[place]
        return DigitBatch(self._digits.train_images_nhwc[index], self._digits.train_labels[index])
