"""The functions that every backend has, and how a backend is loaded by its name.

A backend is a package that runs the experiment with one framework. Importing this module loads no
framework; `load_backend` does.
"""

import importlib
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from cnn_experiment.data.mnist import Digits
from cnn_experiment.errors import UserError
from cnn_experiment.runs.checkpoint import Checkpoint
from cnn_experiment.runs.history import EpochRecord, Evaluation
from cnn_experiment.runs.keeper import Keeper
from cnn_experiment.runs.progress import Watcher
from cnn_experiment.settings.experiment import Experiment
from cnn_experiment.value import accepted
from cnn_experiment.variables import Variables

BACKENDS = {"torch": "torch_cnn", "keras": "keras_ref"}
"""The package of each backend."""

Model = TypeVar("Model")


class Backend(Protocol[Model]):
    """The functions that `torch_cnn` and `keras_ref` both have, under the same names.

    `Model` is the framework's own model class. The docstrings of each backend say what is specific
    to it.
    """

    def pick_device(self, name: str = "auto") -> object:
        """Return the device of this name; its `str()` is the framework's name for it."""

    def prepare_process(self) -> None:
        """Change the settings of the process that make training faster; `train` changes none."""

    def set_threads(self, count: int) -> None:
        """Let the process compute with so many threads.

        For Keras, call it before anything is computed. Raises `UserError` if it is too late.
        """

    def build_model(self, experiment: Experiment) -> Model:
        """Return the network of the experiment with its initial weights."""

    def train(
        self,
        experiment: Experiment,
        digits: Digits,
        *,
        device: str = "auto",
        watchers: Sequence[Watcher] = (),
        keeper: Keeper | None = None,
        start: Checkpoint | None = None,
        compiled: bool = False,
    ) -> tuple[Model, list[EpochRecord]]:
        """Run the experiment; return the trained model and a record for each epoch."""

    def evaluate(
        self, model: Model, images_nhwc: NDArray[Any], labels: NDArray[np.int64]
    ) -> Evaluation:
        """Return loss and accuracy over all images."""

    def predict(self, model: Model, images_nhwc: NDArray[Any]) -> NDArray[Any]:
        """Return class probabilities, shape (count, classes)."""

    def layer_outputs(self, model: Model, images_nhwc: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return the output of each layer, by the layer's name."""

    def neutral_weights(self, model: Model) -> dict[str, NDArray[Any]]:
        """Return copies of the model's weights under their neutral names."""

    def load_neutral_weights(self, model: Model, weights: Variables) -> None:
        """Copy `weights` into the model."""


def load_backend(name: str) -> Backend[object]:
    """Import the backend's package.

    Raises `UserError` for an unknown name, and where the framework is not installed.
    """
    if name not in BACKENDS:
        raise UserError(f"backend = {name!r}: {accepted(list(BACKENDS))}")
    try:
        return cast("Backend[object]", importlib.import_module(BACKENDS[name]))
    except ModuleNotFoundError as error:
        raise UserError(
            f"backend = {name!r}: {error.name} is not installed here; pip install '.[{name}]'"
        ) from error


def load_trained(name: str, checkpoint: Checkpoint) -> tuple[Backend[object], object]:
    """Return the backend, and its model with the network and the weights of the checkpoint."""
    backend = load_backend(name)
    model = backend.build_model(checkpoint.experiment)
    backend.load_neutral_weights(model, checkpoint.weights)
    return backend, model
