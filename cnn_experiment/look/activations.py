"""The outputs of one layer of a trained network for some digits, in one backend or in both."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnn_experiment.errors import UserError
from cnn_experiment.look import pictures
from cnn_experiment.look.numbered import NumberedImage
from cnn_experiment.look.trained_run import TrainedRun

MOST_IMAGES = 16
"""The largest number of images in one picture."""


class LayerOutputs:
    """The outputs of one layer for some images of a run, in each of the `backends`.

    `layer` may have capital letters, as in the articles. Raises `UserError` for a layer that does
    not exist, and for too many images, before a framework is loaded.
    """

    def __init__(
        self, run: TrainedRun, layer: str, images: Sequence[NumberedImage], backends: Sequence[str]
    ) -> None:
        self._layer, self._images = layer.lower(), list(images)
        layers = [each.name for each in run.experiment.network.layers()]
        if self._layer not in layers:
            raise UserError(
                f"layer = {layer!r}: accepted: {', '.join(layers)}, in small or capital letters"
            )
        if len(images) > MOST_IMAGES:
            raise UserError(f"compare = {len(images)} images: accepted: at most {MOST_IMAGES}")
        wanted = np.stack([image.pixels for image in images])
        self._outputs = {name: run.layer_outputs(name, wanted)[self._layer] for name in backends}

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
        for place, image in enumerate(self._images):
            outputs = {name: output[place] for name, output in self._outputs.items()}
            panels = _panels(outputs, standardised=standardised)
            rows.append(pictures.ImageRow(image.title, image.pixels, panels))
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
