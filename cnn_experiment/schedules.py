"""Learning-rate schedules: pure functions of the count of updates already made.

Keras turns the Python floats of a decaying schedule into float32 tensors and computes with those,
whatever the dtype of the model, so these formulas are float32 too, operation for operation.
Sources: article III, "Learning rate scheduler and momentum";
keras/src/optimizers/schedules/learning_rate_schedule.py and base_optimizer.py.
"""

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from pydantic import Field

from cnn_experiment.value import NotNegative, Positive, Value


class ConstantRate(Value):
    """The same learning rate at every update."""

    kind: Literal["constant"] = "constant"
    initial_learning_rate: Positive = 1e-3

    def rates(self, iterations: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:
        """Learning rates at `iterations`; Keras holds a constant rate in the model's `dtype`."""
        return np.full(np.shape(iterations), self.initial_learning_rate, dtype)


class InverseTimeDecay(Value):
    """`initial_learning_rate / (1 + decay_rate * iteration / decay_steps)`."""

    kind: Literal["inverse_time"] = "inverse_time"
    initial_learning_rate: Positive = 1e-3
    decay_steps: Positive = 1.0
    decay_rate: NotNegative = 1e-3

    def rates(self, iterations: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:  # noqa: ARG002
        """Learning rates at `iterations`, float32 even for a float64 model, as in Keras.

        `iterations` counts updates, not epochs: 60,000 images in batches of 64 make 938 an epoch.
        The rate of an update is the one at the count before it.
        """
        periods = np.asarray(iterations, np.float32) / np.float32(self.decay_steps)
        growth = np.float32(1) + np.float32(self.decay_rate) * periods
        return np.float32(self.initial_learning_rate) / growth


Schedule = Annotated[ConstantRate | InverseTimeDecay, Field(discriminator="kind")]
