"""MNIST as the two protocols of the articles give it to a network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cnn_experiment.errors import UserError
from cnn_experiment.experiment import Experiment
from cnn_experiment.mnist_files import read_mnist_files
from cnn_experiment.randomness import split_order


@dataclass(frozen=True)
class Digits:
    """Images (count, height, width, channels) in the experiment's dtype; labels (count,), int64."""

    train_images_nhwc: NDArray[Any]
    train_labels: NDArray[np.int64]
    test_images_nhwc: NDArray[Any]
    test_labels: NDArray[np.int64]

    def must_fit(self, experiment: Experiment) -> None:
        """Raise `UserError` unless these are the experiment's count of digits, for its network."""
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


def load_mnist(experiment: Experiment, data_dir: Path | str | None = None) -> Digits:
    """Return MNIST as `experiment.data` asks for it, fetched on first use.

    `data_dir` is the cache folder; the default is the environment's `MNIST_DIR`, else the user's
    cache. Raises `UserError` where no source can be reached.
    """
    train_images, train_labels, test_images, test_labels = read_mnist_files(data_dir)
    images = np.concatenate([train_images, test_images])
    labels = np.concatenate([train_labels, test_labels]).astype(np.int64)
    boundary = len(train_images)
    if experiment.data.protocol == "pooled":
        order = split_order(experiment.seed, len(images))
        prepared = standardised(images, experiment.dtype)[order]
        labels = labels[order]
    else:
        prepared = images.astype(experiment.dtype) / 255
    prepared = prepared[..., np.newaxis]
    train_count, test_end = experiment.data.train_images, boundary + experiment.data.test_images
    return Digits(
        prepared[:train_count],
        labels[:train_count],
        prepared[boundary:test_end],
        labels[boundary:test_end],
    )


def standardised(images: NDArray[np.uint8], dtype: DTypeLike) -> NDArray[Any]:
    """Bring each pixel to mean 0 and variance 1 over all images; a constant pixel becomes 0.

    The variance is the population's. Bit for bit scikit-learn's StandardScaler (article II).
    """
    mean = images.mean(axis=0, dtype=np.float64)
    deviation = images.std(axis=0, dtype=np.float64)
    deviation[deviation == 0] = 1
    scaled = images.astype(dtype)
    scaled -= mean.astype(dtype)
    scaled /= deviation.astype(dtype)
    return scaled
