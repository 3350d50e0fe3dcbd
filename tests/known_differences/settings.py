"""Planted differences in one setting of an optimizer."""

import keras
from torch import optim

from keras_for_torch import KerasAdam, KerasSGD
from tests.known_differences.dense_training import update_case

K = keras.optimizers

PLANTED = [
    update_case(
        "another beta_1",
        lambda: K.Adam(0.01),
        sound=lambda net: KerasAdam(net.parameters(), 0.01),
        faulty=lambda net: optim.Adam(net.parameters(), 0.01, betas=(0.5, 0.999)),
    ),
    update_case(
        "another beta_2",
        lambda: K.Adam(0.01, beta_2=0.99),
        sound=lambda net: KerasAdam(net.parameters(), 0.01, beta_2=0.99),
        faulty=lambda net: optim.Adam(net.parameters(), 0.01),
    ),
    update_case(
        "another rho",
        lambda: K.Adadelta(1.0),
        sound=lambda net: optim.Adadelta(net.parameters(), 1.0, rho=0.95, eps=1e-7),
        faulty=lambda net: optim.Adadelta(net.parameters(), 1.0, eps=1e-7),
    ),
    update_case(
        "another epsilon",
        lambda: K.Adam(0.01),
        sound=lambda net: KerasAdam(net.parameters(), 0.01),
        faulty=lambda net: KerasAdam(net.parameters(), 0.01, epsilon=1e-8),
    ),
    update_case(
        "another momentum",
        lambda: K.SGD(0.1, momentum=0.9),
        sound=lambda net: KerasSGD(net.parameters(), 0.1, momentum=0.9),
        faulty=lambda net: optim.SGD(net.parameters(), 0.1, momentum=0.8),
    ),
]
