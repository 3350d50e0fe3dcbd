"""A trained run: its latest checkpoint, its digits, and its network in either backend."""

import argparse
import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnn_experiment.backend import load_trained
from cnn_experiment.data.mnist import load_pixels
from cnn_experiment.errors import UserError
from cnn_experiment.runs.run_folder import RunFolder


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add --run and --data-dir."""
    parser.add_argument(
        "--run",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of a run, whose latest checkpoint is used",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="P",
        help="folder that contains MNIST/raw or will; default: $MNIST_DIR, else the user's cache",
    )


class TrainedRun:
    """The latest checkpoint of a run, and the digits that the run used.

    Raises `UserError` for a folder without a run, and for a run that did not train on MNIST.
    """

    def __init__(self, folder: Path | str, data_dir: Path | str | None = None) -> None:
        run_folder = RunFolder(folder)
        if not run_folder.latest_file.is_file():
            raise UserError(
                f"run = {folder}: there is no latest.safetensors in it; accepted: a run's"
                " folder, which twin-cnn train creates"
            )
        self.checkpoint = run_folder.read()
        self.experiment = self.checkpoint.experiment
        network = self.experiment.network
        if network.input_shape != (28, 28, 1) or network.output.units < 10:
            raise UserError(
                f"run = {folder}: its network has the input shape {network.input_shape} and"
                f" {network.output.units} classes; accepted: MNIST's (28, 28, 1), and 10 or more"
            )
        self.pixels = load_pixels(self.experiment, data_dir)
        if network.output.activation == "sigmoid":
            logging.getLogger(__name__).warning(
                "the outputs of a sigmoid are not probabilities: their sum need not be 1"
            )

    def images_nhwc(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """Return pixels (count, 28, 28) as input of the network, (count, 28, 28, 1)."""
        return self.pixels.scaled(pixels, self.experiment.dtype)[..., np.newaxis]

    def predict(self, backend_name: str, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """Return class probabilities (count, classes) for pixels (count, 28, 28)."""
        backend, model = load_trained(backend_name, self.checkpoint)
        return backend.predict(model, self.images_nhwc(pixels))

    def layer_outputs(
        self, backend_name: str, pixels: NDArray[np.uint8]
    ) -> dict[str, NDArray[Any]]:
        """Return the output of each layer, by the layer's name."""
        backend, model = load_trained(backend_name, self.checkpoint)
        return backend.layer_outputs(model, self.images_nhwc(pixels))
