"""Planted differences in batch normalization."""

from functools import partial

import keras
from torch import nn

from keras_for_torch import KerasBatchNorm1d
from tests.known_differences.single_layers import channels_first, layer_case

L = keras.layers
TIME, FEATURES = 3, 4
batch_norm = partial(L.BatchNormalization, name="norm")
sound = partial(KerasBatchNorm1d, FEATURES)


def frozen(module: nn.Module) -> nn.Module:
    """Return the module with parameters that do not train."""
    return module.requires_grad_(False)


PLANTED = [
    layer_case(
        "Keras' momentum in PyTorch's BatchNorm",
        batch_norm,
        (FEATURES,),
        sound=sound,
        faulty=partial(KerasBatchNorm1d, FEATURES, momentum=0.01),  # PyTorch's 0.99
    ),
    layer_case(
        "another momentum of BatchNorm",
        batch_norm,
        (FEATURES,),
        sound=sound,
        faulty=partial(KerasBatchNorm1d, FEATURES, momentum=0.9),
    ),
    layer_case(
        "unbiased running variance",
        batch_norm,
        (FEATURES,),
        sound=sound,
        faulty=lambda: nn.BatchNorm1d(FEATURES, eps=1e-3, momentum=1 - 0.99),
    ),
    layer_case(
        "epsilon of BatchNorm",
        batch_norm,
        (FEATURES,),
        sound=sound,
        faulty=partial(KerasBatchNorm1d, FEATURES, eps=1e-5),
    ),
    layer_case(
        "BatchNorm in inference mode",
        batch_norm,
        (FEATURES,),
        sound=sound,
        faulty=lambda: sound().eval(),
    ),
    layer_case(
        "frozen BatchNorm in training mode",
        partial(batch_norm, trainable=False),
        (FEATURES,),
        sound=lambda: frozen(sound()).eval(),
        faulty=lambda: frozen(sound()),
    ),
    layer_case(
        "BatchNorm over another axis",
        batch_norm,
        (TIME, FEATURES),
        sound=sound,
        faulty=lambda: KerasBatchNorm1d(TIME),
        forward=channels_first,
        faulty_forward=lambda module, sequences: module(sequences),
    ),
    layer_case(
        "running statistics missing",
        batch_norm,
        (FEATURES,),
        sound=sound,
        faulty=lambda: nn.BatchNorm1d(FEATURES, eps=1e-3, track_running_stats=False),
    ),
]
