"""The images of a run by their numbers: the test images and the training images, each from 0."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cnn_experiment.data.mnist import Pixels
from cnn_experiment.errors import UserError

ImageSet = Literal["test", "train"]


@dataclass(frozen=True)
class NumberedImage:
    """An image of a run, with its label; `pixels` are (28, 28), 0 background to 255 ink."""

    title: str
    number: int
    label: int
    pixels: NDArray[np.uint8]


def numbered_images(
    pixels: Pixels, image_set: ImageSet, numbers: Sequence[int]
) -> list[NumberedImage]:
    """Return the images with these numbers; raises `UserError` for one that does not exist."""
    if image_set == "train":
        images, labels, title = pixels.train_images, pixels.train_labels, "training image"
    else:
        images, labels, title = pixels.test_images, pixels.test_labels, "image"
    found = []
    for number in numbers:
        if not 0 <= number < len(images):
            which = "training" if image_set == "train" else "test"
            raise UserError(
                f"image = {number}: accepted: 0 to {len(images) - 1}, the {which} images"
            )
        label = int(labels[number])
        found.append(NumberedImage(f"{title} {number}: a {label}", number, label, images[number]))
    return found


def add_set_option(parser: argparse.ArgumentParser) -> None:
    """Add --set, which says what the numbers of images count."""
    parser.add_argument(
        "--set",
        choices=("test", "train"),
        default="test",
        help="what N counts, from 0: the run's test images (default) or its training images",
    )
