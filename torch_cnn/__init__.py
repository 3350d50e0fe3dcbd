"""The PyTorch backend: it builds the experiment's network and trains it as Keras does."""

from cnn_experiment import __version__
from parity_ladder.import_order import settle_triton

settle_triton()  # before torch or TensorFlow is loaded

from keras_for_torch import KerasAdamax, KerasNadam, KerasRMSprop  # noqa: E402
from torch_cnn.evaluation import evaluate, layer_outputs, predict  # noqa: E402
from torch_cnn.model import CNN, FlattenAsKeras, build_model  # noqa: E402
from torch_cnn.process import prepare_process, set_threads  # noqa: E402
from torch_cnn.schedule import keras_schedule  # noqa: E402
from torch_cnn.step import build_optimizer, train_step  # noqa: E402
from torch_cnn.training import pick_device, train  # noqa: E402
from torch_cnn.weights import (  # noqa: E402
    load_neutral_optimizer_state,
    load_neutral_weights,
    neutral_optimizer_state,
    neutral_weights,
)

__all__ = [
    "CNN",
    "FlattenAsKeras",
    "KerasAdamax",
    "KerasNadam",
    "KerasRMSprop",
    "__version__",
    "build_model",
    "build_optimizer",
    "evaluate",
    "keras_schedule",
    "layer_outputs",
    "load_neutral_optimizer_state",
    "load_neutral_weights",
    "neutral_optimizer_state",
    "neutral_weights",
    "pick_device",
    "predict",
    "prepare_process",
    "set_threads",
    "train",
    "train_step",
]
