"""The Keras backend: the articles' model, compiled and trained with Keras' own `fit`.

It always runs on TensorFlow and ignores the environment variable KERAS_BACKEND. The import raises
`ImportError` if keras has already been imported with another Keras backend.
"""

import os
import sys

from cnn_experiment import __version__
from keras_ref.start_notes import notes_dropped
from parity_ladder.import_order import settle_triton

loaded = sys.modules.get("keras")
if loaded is not None and loaded.config.backend() != "tensorflow":
    raise ImportError(
        "keras was imported with another backend than TensorFlow; accepted: import keras_ref first,"
        " or set KERAS_BACKEND=tensorflow"
    )
os.environ["KERAS_BACKEND"] = "tensorflow"
settle_triton()  # before torch or TensorFlow is loaded

with notes_dropped():
    import tensorflow

    tensorflow.config.list_physical_devices("GPU")  # its first search for one writes to stderr

from keras_ref.batches import SeededBatches  # noqa: E402
from keras_ref.callbacks import LearningRateHistory  # noqa: E402
from keras_ref.floatx import floatx  # noqa: E402
from keras_ref.model import build_model, outputs_model, reset  # noqa: E402
from keras_ref.process import prepare_process, set_threads  # noqa: E402
from keras_ref.training import (  # noqa: E402
    evaluate,
    layer_outputs,
    pick_device,
    predict,
    train,
)
from keras_ref.weights import (  # noqa: E402
    load_neutral_optimizer_state,
    load_neutral_weights,
    neutral_optimizer_state,
    neutral_weights,
)

__all__ = [
    "LearningRateHistory",
    "SeededBatches",
    "__version__",
    "build_model",
    "evaluate",
    "floatx",
    "layer_outputs",
    "load_neutral_optimizer_state",
    "load_neutral_weights",
    "neutral_optimizer_state",
    "neutral_weights",
    "outputs_model",
    "pick_device",
    "predict",
    "prepare_process",
    "reset",
    "set_threads",
    "train",
]
