"""Learning-rate schedules: pure functions of the number of updates already made.

Keras turns the Python floats of a decaying schedule into float32 tensors and computes with them, in
a float64 model too. So these formulas are computed in float32, operation by operation. They follow
`fit`, in which TensorFlow compiles the division by `decay_steps` into a multiplication by its
reciprocal, and treats denormal numbers as 0. A Keras schedule that is called outside of `fit`
divides, so its last bit differs if `decay_steps` is not a power of 2.
Sources: article III, "Learning rate scheduler and momentum";
keras/src/optimizers/schedules/learning_rate_schedule.py and base_optimizer.py.
"""

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from pydantic import Field

from cnn_experiment.kinds import by_kind
from cnn_experiment.value import NotNegative, Positive, Value


class ConstantRate(Value):
    """The same learning rate at every update."""

    kind: Literal["constant"] = "constant"
    initial_learning_rate: Positive = 1e-3

    def rates(self, iterations: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:
        """Learning rates at `iterations`; Keras keeps a constant rate in the model's `dtype`."""
        return np.full(np.shape(iterations), self.initial_learning_rate, dtype)


class Decay(Value):
    """What the decaying schedules share. Update number n, from 1, uses the rate at iteration n - 1.

    Iterations are updates, not epochs: 60,000 images in batches of 64 make 938 updates per epoch.
    """

    initial_learning_rate: Positive = 1e-3
    decay_steps: Positive = 1.0
    decay_rate: NotNegative = 1e-3
    staircase: bool = False
    """Whether the rate changes only at whole multiples of `decay_steps`."""

    def _periods(self, iterations: ArrayLike) -> NDArray[np.float32]:
        reciprocal = np.float32(1) / np.float32(self.decay_steps)
        periods = np.asarray(iterations, np.float32) * reciprocal
        return np.floor(periods) if self.staircase else periods


class InverseTimeDecay(Decay):
    """`initial_learning_rate / (1 + decay_rate * iteration / decay_steps)`."""

    kind: Literal["inverse_time"] = "inverse_time"

    def rates(self, iterations: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:  # noqa: ARG002
        """Learning rates at `iterations`, float32 even for a float64 model, as in Keras."""
        growth = np.float32(1) + np.float32(self.decay_rate) * self._periods(iterations)
        return np.float32(self.initial_learning_rate) / growth


class ExponentialDecay(Decay):
    """`initial_learning_rate * decay_rate ** (iteration / decay_steps)`."""

    kind: Literal["exponential"] = "exponential"
    decay_steps: Positive = 938.0
    decay_rate: Annotated[NotNegative, Field(le=1)] = 0.96

    def rates(self, iterations: ArrayLike, dtype: DTypeLike) -> NDArray[Any]:  # noqa: ARG002
        """Learning rates at `iterations`, float32 even for a float64 model, as in Keras."""
        periods = self._periods(iterations)
        # One scalar at a time: a power of a NumPy array is rounded differently from C's powf, which
        # both a NumPy scalar and Keras use.
        decayed = [np.float32(self.decay_rate) ** period for period in periods.ravel()]
        rates = np.float32(self.initial_learning_rate) * np.array(decayed, np.float32)
        rates[rates < np.finfo(np.float32).tiny] = 0
        return rates.reshape(periods.shape)


AnySchedule = ConstantRate | InverseTimeDecay | ExponentialDecay
Schedule = Annotated[AnySchedule, Field(discriminator="kind")]
SCHEDULES: dict[str, type[AnySchedule]] = by_kind(AnySchedule)
