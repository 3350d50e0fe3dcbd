"""The Keras backend: the articles' model, compiled and fitted as an author would write it.

Runs on TensorFlow unless KERAS_BACKEND says otherwise before the import.
"""

import os

from cnn_experiment.import_order import settle_triton

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
settle_triton()  # before torch and TensorFlow meet

from keras_ref.batches import SeededBatches  # noqa: E402
from keras_ref.callbacks import LearningRateHistory  # noqa: E402
from keras_ref.model import build_model, reset  # noqa: E402
from keras_ref.training import (  # noqa: E402
    evaluate,
    layer_outputs,
    pick_device,
    predict,
    train,
)
from keras_ref.weights import load_neutral_weights, neutral_weights  # noqa: E402

__all__ = [
    "LearningRateHistory",
    "SeededBatches",
    "build_model",
    "evaluate",
    "layer_outputs",
    "load_neutral_weights",
    "neutral_weights",
    "pick_device",
    "predict",
    "reset",
    "train",
]
