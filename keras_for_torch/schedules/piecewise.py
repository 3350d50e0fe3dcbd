"""A schedule of constant pieces."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_for_torch.schedules.schedule import Schedule
from keras_for_torch.setting_ranges import NOT_NEGATIVE, SettingError, must_be_in_range


@dataclass(frozen=True)
class PiecewiseConstantDecay(Schedule):
    """`values[0]` up to and including `boundaries[0]` updates, and so on; bit for bit Keras'.

    `boundaries` increase, and there is one value more than there are boundaries. A boundary that is
    not a whole number is cut to one, as in Keras.
    """

    boundaries: Sequence[float]
    values: Sequence[float]

    def __post_init__(self) -> None:
        for value in self.values:
            must_be_in_range(values=(value, NOT_NEGATIVE))
        if len(self.values) != len(self.boundaries) + 1 or not self.boundaries:
            raise SettingError(
                f"{len(self.boundaries)} boundaries and {len(self.values)} values: accepted: one"
                " boundary or more, and one value more than that"
            )
        if sorted(set(self.boundaries)) != list(self.boundaries):
            raise SettingError(f"boundaries = {self.boundaries!r}: accepted: increasing numbers")

    def _rate(self, step: int) -> np.float32:
        return np.float32(self.values[bisect_left([int(each) for each in self.boundaries], step)])
