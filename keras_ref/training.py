"""Train and evaluate the Keras model with Keras' own `fit`, `evaluate` and `predict`."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cnn_experiment import (
    Checkpoint,
    Digits,
    EpochRecord,
    Evaluation,
    Experiment,
    Keeper,
    UserError,
    Watcher,
)
from keras_ref.batches import SeededBatches, one_hot
from keras_ref.callbacks import LearningRateHistory, Progress
from keras_ref.floatx import floatx
from keras_ref.model import build_model, outputs_model
from keras_ref.weights import load_neutral_optimizer_state, load_neutral_weights

_EVALUATION_BATCH = 100


def pick_device(name: str = "auto") -> str:
    """Return Keras' name of the device; `auto` is CUDA if it is available, otherwise the CPU.

    Raises `UserError` for a device that is not available.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise UserError(f"device = {name!r}: accepted: auto, cpu, cuda")
    has_cuda = bool(keras.distribution.list_devices("gpu"))
    if name == "cuda" and not has_cuda:
        raise UserError("device = 'cuda': Keras finds no CUDA device here; accepted: auto, cpu")
    return "gpu:0" if has_cuda and name != "cpu" else "cpu:0"


def train(
    experiment: Experiment,
    digits: Digits,
    *,
    device: str = "auto",
    watchers: Sequence[Watcher] = (),
    keeper: Keeper | None = None,
    start: Checkpoint | None = None,
    compiled: bool = False,
) -> tuple[keras.Sequential, list[EpochRecord]]:
    """Run the experiment; return the trained model and a record for each epoch.

    Training starts with the initial weights or at `start`, a checkpoint of either backend. A
    resumed run continues as if it had never been stopped. `keeper` gets a checkpoint after every
    epoch and whenever its `is_due` asks for one.

    `device` is auto, cpu or cuda. `compiled` must be False, because only the torch backend has this
    option. Raises `UserError` for `compiled`, for a device that is not available and for digits or
    a checkpoint that do not fit the experiment, and `Diverged` for a loss that is not finite.
    """
    if compiled:
        raise UserError("compiled = True: accepted by the torch backend, not by keras")
    digits.must_fit(experiment)
    if start is not None:
        start.must_belong_to(experiment)
    rates = LearningRateHistory()
    progress = Progress(experiment, rates, watchers, keeper, start)
    with keras.device(pick_device(device)), floatx(experiment.dtype):
        model = build_model(experiment)
        batches = SeededBatches(experiment, digits)
        first = (0, 0)
        if start is not None:
            first = (start.epoch, start.batch)
            load_neutral_weights(model, start.weights)
            load_neutral_optimizer_state(model, start.optimizer_state, start.iteration)

        for epoch, batch, until in _fit_calls(*first, experiment.epochs):
            batches.begin_epoch(epoch, batch)
            model.fit(
                batches,
                initial_epoch=epoch,
                epochs=until,
                shuffle=False,  # `SeededBatches` has already shuffled them
                validation_data=(digits.test_images_nhwc, one_hot(digits.test_labels, experiment)),
                validation_batch_size=_EVALUATION_BATCH,
                callbacks=[batches.order_callback(batch), rates, progress],
                verbose=0,  # the watchers show the progress
            )
    return model, progress.records


def _fit_calls(epoch: int, batch: int, epochs: int) -> list[tuple[int, int, int]]:
    """Return first epoch, its first batch and end epoch (exclusive) of each call of `fit`.

    `fit` reads the number of batches only once, so an epoch that is partly done needs its own call.
    """
    if batch == 0:
        return [(epoch, 0, epochs)] if epoch < epochs else []
    return [(epoch, batch, epoch + 1), *_fit_calls(epoch + 1, 0, epochs)]


def evaluate(
    model: keras.Model, images_nhwc: NDArray[Any], labels: NDArray[np.int64]
) -> Evaluation:
    """Return loss and accuracy; `images_nhwc` is (count, height, width, channels)."""
    with floatx(model.compute_dtype):
        classes = model.output_shape[-1]
        values = model.evaluate(
            images_nhwc,
            keras.utils.to_categorical(labels, classes),
            batch_size=_EVALUATION_BATCH,
            return_dict=True,
            verbose=0,
        )
    return Evaluation(loss=values["loss"], accuracy=values["accuracy"])


def predict(model: keras.Model, images_nhwc: NDArray[Any]) -> NDArray[Any]:
    """Return class probabilities, shape (count, classes)."""
    with floatx(model.compute_dtype):
        return np.asarray(model.predict(images_nhwc, batch_size=_EVALUATION_BATCH, verbose=0))


def layer_outputs(model: keras.Model, images_nhwc: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return each layer's output, after its activation, by the layer's name.

    Feature maps are (count, height, width, channels).
    """
    with floatx(model.compute_dtype):
        values = outputs_model(model).predict(images_nhwc, batch_size=_EVALUATION_BATCH, verbose=0)
    return {layer.name: value for layer, value in zip(model.layers, values, strict=True)}
