"""MNIST as input of a network, by the two protocols of the articles: see `Data.protocol`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cnn_experiment.data.mnist_files import read_mnist_files
from cnn_experiment.errors import UserError
from cnn_experiment.settings.experiment import Experiment
from cnn_experiment.settings.randomness import split_order

Scaling = Callable[[NDArray[np.uint8], DTypeLike], NDArray[Any]]
"""Turns pixels of 0 to 255, (..., 28, 28), into a network's input of that shape, in a dtype."""


@dataclass(frozen=True)
class Digits:
    """The images and labels of an experiment.

    Images are (count, height, width, channels) in the experiment's dtype, labels (count,) in int64.
    """

    train_images_nhwc: NDArray[Any]
    train_labels: NDArray[np.int64]
    test_images_nhwc: NDArray[Any]
    test_labels: NDArray[np.int64]

    def must_fit(self, experiment: Experiment) -> None:
        """Raise `UserError` unless number, shape and labels of the digits fit `experiment`."""
        network, data = experiment.network, experiment.data
        for part, count in (("train", data.train_images), ("test", data.test_images)):
            images, labels = getattr(self, f"{part}_images_nhwc"), getattr(self, f"{part}_labels")
            if not len(images) == len(labels) == count:
                raise UserError(
                    f"digits have {len(images)} {part} images and {len(labels)} labels; accepted by"
                    f" this experiment: {count} of both"
                )
        for images in (self.train_images_nhwc, self.test_images_nhwc):
            if images.shape[1:] != network.input_shape:
                raise UserError(
                    f"digits have images of {images.shape[1:]}; accepted by this network:"
                    f" {network.input_shape}"
                )
        for labels in (self.train_labels, self.test_labels):
            if labels.min() < 0 or labels.max() >= network.output.units:
                raise UserError(
                    f"digits have labels from {labels.min()} to {labels.max()}; accepted by this"
                    f" network: 0 to {network.output.units - 1}"
                )


@dataclass(frozen=True)
class Pixels:
    """The original pixels of an experiment's digits: uint8, (count, 28, 28); labels (count,)."""

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]
    scaled: Scaling
    """Turns pixels, of these digits or of other images, into the network's input."""


def load_mnist(experiment: Experiment, data_dir: Path | str | None = None) -> Digits:
    """Return the digits that `experiment.data` asks for; MNIST is downloaded on first use.

    `data_dir` is the cache folder. The default is the environment variable `MNIST_DIR` or, without
    it, a folder in the user's cache. Raises `UserError` if no source can be reached.
    """
    pixels = load_pixels(experiment, data_dir)
    return Digits(
        pixels.scaled(pixels.train_images, experiment.dtype)[..., np.newaxis],
        pixels.train_labels,
        pixels.scaled(pixels.test_images, experiment.dtype)[..., np.newaxis],
        pixels.test_labels,
    )


def load_pixels(experiment: Experiment, data_dir: Path | str | None = None) -> Pixels:
    """Return the same digits as `load_mnist`, but with their original pixels."""
    train_images, train_labels, test_images, test_labels = read_mnist_files(data_dir)
    images = np.concatenate([train_images, test_images])
    labels = np.concatenate([train_labels, test_labels]).astype(np.int64)
    order = np.arange(len(images))
    scaled: Scaling = in_unit_range
    if experiment.data.protocol == "pooled":
        order = split_order(experiment.seed_of_the_split, len(images))
        scaled = standardisation(images)
    train = order[: experiment.data.train_images]
    test = order[len(train_images) :][: experiment.data.test_images]
    return Pixels(images[train], labels[train], images[test], labels[test], scaled)


def in_unit_range(images: NDArray[np.uint8], dtype: DTypeLike) -> NDArray[Any]:
    """Scale the pixels from 0 to 255 to 0 to 1."""
    scaled = images.astype(dtype)
    scaled /= 255
    return scaled


def standardisation(images: NDArray[np.uint8]) -> Scaling:
    """Return the scaling that gives each pixel position mean 0 and variance 1 over these images.

    A pixel that is the same in all images becomes 0. The variance is that of the population. The
    result is bit for bit that of scikit-learn's StandardScaler (article II).
    """
    mean = images.mean(axis=0, dtype=np.float64)
    # Row by row: computing all deviations at once would need more memory than the rest of a run.
    rows = [images[:, row].std(axis=0, dtype=np.float64) for row in range(images.shape[1])]
    deviation = np.stack(rows)
    deviation[deviation == 0] = 1

    def standardised(some: NDArray[np.uint8], dtype: DTypeLike) -> NDArray[Any]:
        scaled = some.astype(dtype)
        scaled -= mean.astype(dtype)
        scaled /= deviation.astype(dtype)
        return scaled

    return standardised
