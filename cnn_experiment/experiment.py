"""One experiment as one frozen value: everything that decides a run, and nothing else."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from cnn_experiment.network import Network
from cnn_experiment.schedules import ConstantRate, Schedule
from cnn_experiment.value import Fraction, NotNegative, Positive, Size, Value


class RMSprop(Value):
    """Keras' RMSprop; the learning rate comes from the experiment's schedule."""

    kind: Literal["rmsprop"] = "rmsprop"
    rho: Fraction = 0.9
    momentum: Fraction = 0.0
    epsilon: Positive = 1e-7


class L2(Value):
    """The penalty `strength * sum(kernel ** 2)` on every dense kernel, the output's included."""

    kind: Literal["l2"] = "l2"
    strength: NotNegative

    @property
    def rounded_strength(self) -> float:
        """The strength as Keras uses it: rounded to float32, in a float64 model too.

        Source: keras/src/regularizers/regularizers.py turns the Python float into a tensor (since
        Keras 3.14; before, it stayed a Python double).
        """
        return float(np.float32(self.strength))


class Data(Value):
    """Which MNIST images train and which test.

    `pooled` (article II): all 70,000 images standardised per pixel, shuffled by the seed, the first
    60,000 to train. `official`: MNIST's own split, scaled to [0, 1]. Smaller counts take the first
    images of each part.
    """

    protocol: Literal["pooled", "official"] = "pooled"
    train_images: Annotated[int, Field(ge=1, le=60_000)] = 60_000
    test_images: Annotated[int, Field(ge=1, le=10_000)] = 10_000


class Experiment(Value):
    """A training run, complete: the same value gives the same run in either backend."""

    network: Network
    optimizer: RMSprop = RMSprop()
    schedule: Schedule = ConstantRate()
    regularizer: L2 | None = None
    data: Data = Data()
    epochs: Size
    batch_size: Size = 64
    seed: Annotated[int, Field(ge=0)] = 0
    dtype: Literal["float32", "float64"] = "float32"

    @property
    def steps_per_epoch(self) -> int:
        """Count of updates in one epoch; the last batch may be short."""
        return -(-self.data.train_images // self.batch_size)
