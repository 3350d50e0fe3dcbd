"""A schedule that decays by a power of what is left."""

from dataclasses import dataclass

import numpy as np

from keras_for_torch.schedules.schedule import Schedule, per


@dataclass(frozen=True)
class PolynomialDecay(Schedule):
    """`(initial - end) * (1 - step / decay_steps) ** power + end`; bit for bit Keras'.

    After `decay_steps` the rate stays at `end_learning_rate`. With `cycle` it does not: instead the
    decay stretches to the next whole multiple of `decay_steps`, and starts higher up again there.
    """

    initial_learning_rate: float
    decay_steps: float
    end_learning_rate: float = 1e-4
    power: float = 1.0
    cycle: bool = False

    def _rate(self, step: int) -> np.float32:
        if self.cycle:
            periods = np.ceil(per(self.decay_steps, step)) if step else np.float32(1)
            part = np.float32(step) / (np.float32(self.decay_steps) * periods)
        else:
            last = np.float32(self.decay_steps)
            part = min(np.float32(step), last) * (np.float32(1) / last)

        start, end = np.float32(self.initial_learning_rate), np.float32(self.end_learning_rate)
        return (start - end) * _power(np.float32(1) - part, self.power) + end


def _power(base: np.float32, power: float) -> np.float32:
    """Return the power; TensorFlow compiles some powers into products or a root."""
    match power:
        case 1:
            return base
        case 2:
            return base * base
        case 3:
            return base * base * base
        case 0.5:
            return np.float32(np.sqrt(base))
        case _:
            return base ** np.float32(power)
