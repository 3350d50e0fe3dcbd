"""What the ladder asks of an implementation, and what one training step gives back.

To put your own port on the ladder, derive from `Implementation` and write `step`; override the
other methods where your port does not take data, batches and weights from `cnn_experiment`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnn_experiment import Digits, Evaluation, Experiment, batch_order, initial_weights, load_mnist
from cnn_experiment.variables import Variables


@dataclass(frozen=True)
class State:
    """Everything that the next step depends on. Arrays bear neutral names, in Keras' layout."""

    weights: Variables
    optimizer: Variables
    """What the optimizer keeps, as `velocity/conv2d_1/kernel`."""
    iteration: int = 0
    """Count of updates made so far."""


@dataclass(frozen=True)
class Step:
    """One step as it was computed: all but `state` belongs to the weights before the update."""

    data_loss: float
    penalty: float
    gradients: Variables
    """Of the data loss and the penalty together."""
    learning_rate: float
    state: State
    """After the update."""
    hits: int
    """Count of images that were classified rightly."""
    size: int
    """Count of images in the batch."""


@lru_cache(maxsize=2)
def _digits(experiment: Experiment) -> Digits:
    """MNIST as all implementations of an experiment share it."""
    return load_mnist(experiment)


class Implementation(ABC):
    """A port, or the reference, of one experiment."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment

    @abstractmethod
    def step(self, state: State, images_nhwc: NDArray[Any], labels: NDArray[np.int64]) -> Step:
        """Take `state` and one batch, and make one update. Keeps nothing from call to call."""

    def layer_outputs(self, state: State, images_nhwc: NDArray[Any]) -> Variables:  # noqa: ARG002
        """Return each layer's output by name, after its activation.

        Maps are (batch, height, width, channels). Empty here: the ladder then leaves that rung
        unjudged.
        """
        return {}

    def digits(self) -> Digits:
        """Return the images and labels that it trains on."""
        return _digits(self.experiment)

    def batches(self, epoch: int) -> list[NDArray[np.int64]]:
        """Return the training images' indices, batch by batch; `epoch` counts from 0."""
        order = batch_order(self.experiment.seed, epoch, self.experiment.data.train_images)
        return [
            order[begin : begin + self.experiment.batch_size]
            for begin in range(0, len(order), self.experiment.batch_size)
        ]

    def initial_state(self) -> State:
        """Return the state before the first step."""
        experiment = self.experiment
        weights = initial_weights(experiment.network, experiment.seed, experiment.dtype)
        return State(weights, experiment.initial_optimizer_state())

    def report(self, steps: Sequence[Step]) -> Evaluation:
        """Return what an epoch of these steps is reported as: loss with penalty, and accuracy."""
        images = sum(step.size for step in steps)
        loss = sum((step.data_loss + step.penalty) * step.size for step in steps) / images
        return Evaluation(loss, sum(step.hits for step in steps) / images)
