"""Every random choice of a run, made from the seed by NumPy, so that both backends share it.

NumPy guarantees that the streams of `RandomState` never change between versions. So a seed gives
the same run on every machine, and a stopped run can be resumed without a saved random state.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cnn_experiment.settings.network import Network

_PURPOSES = ("split", "initial weights", "batch order")


def _source(
    seed: int, purpose: Literal["split", "initial weights", "batch order"], index: int = 0
) -> np.random.RandomState:
    """Return the random stream of a purpose and an index; all streams of a seed are independent."""
    key = (seed, _PURPOSES.index(purpose), index)
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence(key)))


def split_order(seed: int, images: int) -> NDArray[np.int64]:
    """Order, shape (images,), in which the pooled protocol assigns images to training and test."""
    return _source(seed, "split").permutation(images)


def batch_order(seed: int, epoch: int, images: int) -> NDArray[np.int64]:
    """Order, shape (images,), in which `epoch` (from 0) goes through the training images."""
    return _source(seed, "batch order", epoch).permutation(images)


def epoch_batches(seed: int, epoch: int, images: int, batch_size: int) -> list[NDArray[np.int64]]:
    """Indices of the images of each batch of `epoch` (from 0); the last batch may be smaller."""
    order = batch_order(seed, epoch, images)
    return [order[begin : begin + batch_size] for begin in range(0, images, batch_size)]


def initial_weights(network: Network, seed: int, dtype: DTypeLike) -> dict[str, NDArray[Any]]:
    """Glorot-uniform kernels and zero biases under neutral names and in Keras' layout.

    The limit is `sqrt(6 / (fan_in + fan_out))`; the fans of a convolution are its channels times
    the area of its window. The numbers are drawn in float64 and rounded to `dtype`.
    Source: keras/src/initializers.
    """
    weights: dict[str, NDArray[Any]] = {}
    for index, (name, shape) in enumerate(network.variable_shapes().items()):
        if name.endswith("/bias"):
            weights[name] = np.zeros(shape, dtype)
            continue
        *window, inputs, outputs = shape
        limit = np.sqrt(6 / (np.prod(window) * (inputs + outputs)))
        weights[name] = (
            _source(seed, "initial weights", index).uniform(-limit, limit, shape).astype(dtype)
        )
    return weights
