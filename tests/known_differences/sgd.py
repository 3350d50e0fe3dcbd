"""Planted differences in gradient descent with momentum."""

from typing import Any

import keras
from torch import nn, optim

from keras_for_torch import CosineDecay, KerasScheduler, KerasSGD
from tests.known_differences.dense_training import (
    dense_model,
    dense_port,
    measurements,
    update_case,
)
from tests.known_differences.planting import Planted

K = keras.optimizers


def keras_sgd(net: nn.Module, **settings: Any) -> KerasSGD:
    """Return the sound port of `SGD(0.1, momentum=0.9)`."""
    return KerasSGD(net.parameters(), 0.1, momentum=0.9, **settings)


PLANTED = [
    Planted(
        "momentum without the learning rate",
        lambda: dense_model(K.SGD(K.schedules.CosineDecay(0.1, 10), momentum=0.9)),
        lambda model, faulty: dense_port(
            model,
            (lambda net: optim.SGD(net.parameters(), 0.1, momentum=0.9)) if faulty else keras_sgd,
            makes_scheduler=lambda optimizer: KerasScheduler(optimizer, CosineDecay(0.1, 10)),
        ),
        measurements,
    ),
    update_case(
        "Nesterov momentum left out",
        lambda: K.SGD(0.1, momentum=0.9, nesterov=True),
        sound=lambda net: keras_sgd(net, nesterov=True),
        faulty=lambda net: optim.SGD(net.parameters(), 0.1, momentum=0.9),
    ),
    update_case(
        "Nesterov momentum added",
        lambda: K.SGD(0.1, momentum=0.9),
        sound=lambda net: optim.SGD(net.parameters(), 0.1, momentum=0.9),
        faulty=lambda net: optim.SGD(net.parameters(), 0.1, momentum=0.9, nesterov=True),
    ),
    update_case(
        "dampening",
        lambda: K.SGD(0.1, momentum=0.9),
        sound=keras_sgd,
        faulty=lambda net: optim.SGD(net.parameters(), 0.1, momentum=0.9, dampening=0.1),
    ),
    update_case(
        "a maximum in place of a minimum",
        lambda: K.SGD(0.1),
        sound=lambda net: optim.SGD(net.parameters(), 0.1),
        faulty=lambda net: optim.SGD(net.parameters(), 0.1, maximize=True),
    ),
]
