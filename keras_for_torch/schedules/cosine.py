"""Schedules that follow half a wave of the cosine, with a warm-up or with restarts."""

import math
from dataclasses import dataclass

import numpy as np

from keras_for_torch.schedules.schedule import Schedule, per

_ONE, _HALF, _PI = np.float32(1), np.float32(0.5), np.float32(math.pi)


@dataclass(frozen=True)
class CosineDecay(Schedule):
    """`initial * ((1 - alpha) * (1 + cos(pi * step / decay_steps)) / 2 + alpha)`.

    After `decay_steps` the rate stays at `initial * alpha`. With a `warmup_target` the rate first
    goes in `warmup_steps` equal steps from `initial_learning_rate` to it, and decays from there.

    `torch.optim.lr_scheduler.CosineAnnealingLR` rises again afterwards, has no warm-up, and its
    `eta_min` is a rate where `alpha` is a fraction.

    Bit for bit Keras' where NumPy and TensorFlow take the cosine from the same C library.
    """

    initial_learning_rate: float
    decay_steps: float
    alpha: float = 0.0
    warmup_target: float | None = None
    warmup_steps: float = 0

    def _rate(self, step: int) -> np.float32:
        decay_steps, count = np.float32(self.decay_steps), np.float32(step)
        if self.warmup_target is None:
            part = min(count, decay_steps) * (_ONE / decay_steps)
            return self._decayed(np.float32(self.initial_learning_rate), part)

        # `fit` runs both phases as functions with decay_steps and warmup_steps as arguments, not as
        # constants. So it divides by them.
        target, warmup_steps = np.float32(self.warmup_target), np.float32(self.warmup_steps)
        count = min(count, decay_steps + warmup_steps)
        if count < warmup_steps:
            start = np.float32(self.initial_learning_rate)
            return (target - start) * (count / warmup_steps) + start
        return self._decayed(target, (count - warmup_steps) / decay_steps)

    def _decayed(self, start: np.float32, part: np.float32) -> np.float32:
        """Return the rate after a part, 0 to 1, of the decay."""
        wave = _HALF * (_ONE + _cosine(_PI * part))
        return start * (np.float32(1 - self.alpha) * wave + np.float32(self.alpha))


@dataclass(frozen=True)
class CosineDecayRestarts(Schedule):
    """`CosineDecay` again and again: each time `t_mul` times as long, from `m_mul` times as high.

    Bit for bit Keras' where NumPy and TensorFlow take the cosine from the same C library.
    """

    initial_learning_rate: float
    first_decay_steps: float
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0

    def _rate(self, step: int) -> np.float32:
        part, factor = per(self.first_decay_steps, step), np.float32(self.t_mul)
        if factor == 1:
            restarts = np.float32(np.floor(part))
            part = part - restarts
        else:
            power = _ONE - part * (_ONE - factor)  # of factor, rounded down to a whole one
            restarts = np.float32(np.floor(_logarithm(power) / _logarithm(factor)))
            before = (_ONE - factor**restarts) / (_ONE - factor)  # in first_decay_steps
            part = (part - before) / factor**restarts

        alpha = np.float32(self.alpha)
        wave = _HALF * np.float32(self.m_mul) ** restarts * (_ONE + _cosine(_PI * part))
        return np.float32(self.initial_learning_rate) * ((_ONE - alpha) * wave + alpha)


def _cosine(angle: np.float32) -> np.float32:
    """Return the cosine as TensorFlow computes that of a scalar: by C's `cosf`.

    NumPy has its own cosine for float32, which is rounded differently; but it takes that of a
    complex number from C.
    """
    return np.float32(np.cos(np.complex64(angle)).real)


def _logarithm(value: np.float32) -> np.float32:
    return np.float32(math.log(value)) if value > 0 else np.float32(np.nan)
