"""Images drawn from the seed, for networks that MNIST does not fit."""

from typing import Any

import numpy as np

from cnn_experiment import Digits, Experiment


def random_digits(experiment: Experiment) -> Digits:
    """Normally distributed images of the network's own shape, and labels, in its dtype."""
    source = np.random.RandomState(experiment.seed)
    train, test = experiment.data.train_images, experiment.data.test_images
    shape = (train + test, *experiment.network.input_shape)
    images = source.standard_normal(shape).astype(experiment.dtype)
    labels = source.randint(0, experiment.network.output.units, train + test)
    return Digits(images[:train], labels[:train], images[train:], labels[train:])


def on_random_digits(implementation: Any) -> Any:
    """Return the implementation's class with such images instead of MNIST's."""
    return type(
        implementation.__name__,
        (implementation,),
        {"digits": lambda self: random_digits(self.experiment)},
    )
