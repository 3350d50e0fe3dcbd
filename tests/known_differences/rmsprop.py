"""Planted differences in RMSprop and Adagrad."""

import keras
from torch import optim

from keras_for_torch import KerasAdagrad, KerasRMSprop
from tests.known_differences.dense_training import update_case

K = keras.optimizers

PLANTED = [
    update_case(
        "epsilon outside the root",
        lambda: K.RMSprop(0.01),
        sound=lambda net: KerasRMSprop(net.parameters(), 0.01),
        faulty=lambda net: optim.RMSprop(net.parameters(), 0.01, alpha=0.9, eps=1e-7),
    ),
    update_case(
        "PyTorch's epsilon outside the root",
        lambda: K.Adagrad(0.01),
        sound=lambda net: KerasAdagrad(net.parameters(), 0.01),
        faulty=lambda net: optim.Adagrad(net.parameters(), 0.01, initial_accumulator_value=0.1),
    ),
]
