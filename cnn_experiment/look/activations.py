"""The outputs of one layer of a trained network for test digits, in one backend or in both."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnn_experiment.errors import UserError
from cnn_experiment.look import pictures
from cnn_experiment.look.trained_run import TrainedRun

MOST_IMAGES = 16
"""The largest number of images in one picture."""


class LayerOutputs:
    """The outputs of one layer for some test images of a run, in each of the `backends`.

    `images` are positions among the run's test images, from 0. Raises `UserError` for a layer or an
    image that does not exist, before a framework is loaded.
    """

    def __init__(
        self, run: TrainedRun, layer: str, images: Sequence[int], backends: Sequence[str]
    ) -> None:
        layers = [each.name for each in run.experiment.network.layers()]
        if layer not in layers:
            raise UserError(f"layer = {layer!r}: accepted: {', '.join(layers)}")
        if len(images) > MOST_IMAGES:
            raise UserError(f"compare = {len(images)} images: accepted: at most {MOST_IMAGES}")
        count = len(run.pixels.test_images)
        for number in images:
            if not 0 <= number < count:
                raise UserError(f"image = {number}: accepted: 0 to {count - 1}, the test images")
        self._pixels, self._layer, self._images = run.pixels, layer, list(images)
        wanted = run.pixels.test_images[self._images]
        self._outputs = {name: run.layer_outputs(name, wanted)[layer] for name in backends}

    @property
    def title(self) -> str:
        """The layer and the shape of its output: `conv2d_1, 26x26x32`."""
        shape = next(iter(self._outputs.values())).shape[1:]
        return f"{self._layer}, {'x'.join(str(size) for size in shape)}"

    @property
    def largest_difference(self) -> float | None:
        """The largest difference between the two backends; None for one backend."""
        if len(self._outputs) < 2:
            return None
        return float(np.abs(self._outputs["torch"] - self._outputs["keras"]).max())

    def png(self, colours: str, *, standardised: bool) -> bytes:
        """Return a picture with a row for each image: its outputs, and their difference."""
        rows = []
        for place, number in enumerate(self._images):
            outputs = {name: output[place] for name, output in self._outputs.items()}
            rows.append(
                pictures.ImageRow(
                    f"image {number}: a {self._pixels.test_labels[number]}",
                    self._pixels.test_images[number],
                    _panels(outputs, standardised=standardised),
                )
            )
        return pictures.png(pictures.layer_outputs(rows, colours))


def _panels(outputs: Mapping[str, NDArray[Any]], *, standardised: bool) -> list[pictures.Panel]:
    """Return the outputs for one image and, for two backends, their difference."""
    shown = [
        pictures.Panel(name, pictures.standardised(output) if standardised else output)
        for name, output in outputs.items()
    ]
    if len(outputs) == 2:
        difference = outputs["torch"] - outputs["keras"]
        largest = np.abs(difference).max()
        title = f"torch - keras: at most {largest:.1e}" if largest else "torch - keras: the same"
        shown.append(pictures.Panel(title, difference, is_difference=True))
    return shown
