"""Schedules that decay by a rate for each period: inverse time and exponential."""

from dataclasses import dataclass

import numpy as np

from keras_for_torch.schedules.schedule import Schedule, per


@dataclass(frozen=True)
class _Decay(Schedule):
    """The arguments of both; with `staircase`, the rate changes only after whole periods."""

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False

    def _periods(self, step: int) -> np.float32:
        periods = per(self.decay_steps, step)
        return np.floor(periods) if self.staircase else periods


class InverseTimeDecay(_Decay):
    """`initial_learning_rate / (1 + decay_rate * step / decay_steps)`; bit for bit Keras'."""

    def _rate(self, step: int) -> np.float32:
        growth = np.float32(1) + np.float32(self.decay_rate) * self._periods(step)
        return np.float32(self.initial_learning_rate) / growth


class ExponentialDecay(_Decay):
    """`initial_learning_rate * decay_rate ** (step / decay_steps)`; bit for bit Keras'."""

    def _rate(self, step: int) -> np.float32:
        decayed = np.float32(self.decay_rate) ** self._periods(step)
        rate = np.float32(self.initial_learning_rate) * decayed
        return rate if rate >= np.finfo(np.float32).tiny else np.float32(0)  # as TensorFlow does
