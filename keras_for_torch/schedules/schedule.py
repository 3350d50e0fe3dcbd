"""What all schedules share: a learning rate is a pure function of the number of updates made."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from keras_for_torch.setting_ranges import ABOVE_ZERO, FINITE, NOT_NEGATIVE, must_be_in_range

_RANGES = {
    "initial_learning_rate": NOT_NEGATIVE,
    "end_learning_rate": NOT_NEGATIVE,
    "warmup_target": NOT_NEGATIVE,
    "warmup_steps": NOT_NEGATIVE,
    "decay_steps": ABOVE_ZERO,
    "first_decay_steps": ABOVE_ZERO,
    "decay_rate": NOT_NEGATIVE,
    "alpha": NOT_NEGATIVE,
    "power": FINITE,
    "t_mul": ABOVE_ZERO,
    "m_mul": NOT_NEGATIVE,
}
"""The accepted range of every schedule's settings, by name."""


@dataclass(frozen=True)
class Schedule(ABC):
    """A learning-rate schedule with the name, the arguments and the rates of Keras' own.

    Keras computes with float32 tensors, in a float64 model too; so do these, operation by
    operation. They follow `fit`, where TensorFlow compiles a division by a constant into a
    multiplication by its reciprocal. A Keras schedule that is called outside of `fit` divides; its
    last bits differ.

    Raises `SettingError` for an argument that is not accepted.
    Source: keras/src/optimizers/schedules/learning_rate_schedule.py.
    """

    def __post_init__(self) -> None:
        settings = {name: value for name, value in vars(self).items() if value is not None}
        must_be_in_range(
            **{name: (settings[name], _RANGES[name]) for name in settings if name in _RANGES}
        )

    def __call__(self, updates_made: int) -> float:
        """Return the rate of the next update, a float32 number; before the first, 0 were made.

        Updates are batches, not epochs: 60,000 images in batches of 64 make 938 per epoch.
        """
        with np.errstate(all="ignore"):  # Keras has infinities and NaN without a warning, too
            return float(self._rate(updates_made))

    @abstractmethod
    def _rate(self, step: int) -> np.float32:
        """Return the rate after `step` updates."""


def per(steps: float, step: int) -> np.float32:
    """Return `step / steps` as `fit` computes it."""
    return np.float32(step) * (np.float32(1) / np.float32(steps))
