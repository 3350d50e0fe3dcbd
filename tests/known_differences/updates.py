"""Planted differences in what surrounds an optimizer's equation."""

import keras
import torch
from torch import nn, optim

from keras_for_torch import KerasSGD
from tests.known_differences.dense_training import (
    dense_model,
    dense_port,
    measurements,
    update_case,
)
from tests.known_differences.planting import Planted

K = keras.optimizers


@torch.no_grad()
def not_negative(net: nn.Module) -> None:
    """Apply Keras' `NonNeg` to the weights of the last layer."""
    list(net.parameters())[2].clamp_(min=0)


PLANTED = [
    Planted(
        "constraint left out",
        lambda: dense_model(K.SGD(0.1), kernel_constraint="non_neg"),
        lambda model, faulty: dense_port(
            model,
            lambda net: KerasSGD(net.parameters(), 0.1),
            after=(lambda _: None) if faulty else not_negative,
        ),
        measurements,
    ),
    update_case(
        "parameters missing in the optimizer",
        lambda: K.SGD(0.1),
        sound=lambda net: optim.SGD(net.parameters(), 0.1),
        faulty=lambda net: optim.SGD(list(net.parameters())[:-1], 0.1),
    ),
]
