"""Random images, decided by the seed, for networks whose input is not an MNIST image."""

from typing import Protocol, TypeVar

import numpy as np

from cnn_experiment import Digits, Experiment


class _OnDigits(Protocol):
    """A side that trains on the digits of its experiment."""

    experiment: Experiment

    def digits(self) -> Digits:
        """Return the images and labels that it trains on."""


S = TypeVar("S", bound=_OnDigits)


def random_digits(experiment: Experiment) -> Digits:
    """Return normally distributed images of the network's input shape and dtype, and labels."""
    source = np.random.RandomState(experiment.seed)
    train, test = experiment.data.train_images, experiment.data.test_images
    shape = (train + test, *experiment.network.input_shape)
    images = source.standard_normal(shape).astype(experiment.dtype)
    labels = source.randint(0, experiment.network.output.units, train + test)
    return Digits(images[:train], labels[:train], images[train:], labels[train:])


def on_random_digits(side: type[S]) -> type[S]:
    """Return the side's class with such images instead of MNIST's."""
    digits = {"digits": lambda self: random_digits(self.experiment)}
    return type(side.__name__, (side,), digits)
