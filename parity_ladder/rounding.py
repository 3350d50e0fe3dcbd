"""Which differences in one step rounding alone explains, measured on the reference itself.

A fixed tolerance is relative to the magnitude of an array. That is too strict where an array is
nothing but rounding: the gradient of a bias before a BatchNorm is zero in theory, and so is the
mean of a BatchNorm behind another. In a gradient or a statistic, a few ulps of what those of the
step usually are make no difference. A tolerance is also too strict behind an operation that the
reference computes in lower precision than the rest. So a difference above the tolerance is compared
with that between the reference and its *rounding twin*: the same side, from weights that are one
ulp away.
"""

from typing import Any, Generic

import numpy as np

from parity_ladder.rungs import Forced, LookingRung, Shown
from parity_ladder.side import B, Side, Step, take_step
from parity_ladder.tolerances import ALWAYS_ALLOWED_ULPS, TIMES_THE_TWIN
from parity_ladder.twins import moved_by_one_ulp

DRAWS = 3
"""The number of twins, at most. In one of them, rounding may by chance cancel."""
HOPELESS = 1e6
"""No further twin is computed for a difference that is so many times as large as the first's."""


class RoundingTwin(Generic[B]):
    """The rounding twins of one step; they are computed when a difference asks for them."""

    def __init__(self, twin: Side[B] | None, forced: Forced[B]) -> None:
        """`twin` is the reference's `rounding_twin`; with None, rounding explains nothing."""
        self._twin, self._forced = twin, forced
        self._moved: list[tuple[Forced[B], Step]] = []
        self._apart: dict[tuple[str, int], dict[str, float]] = {}

    def explains(
        self, rung: LookingRung[Any], theirs: Shown | None, array: str, absolute: float
    ) -> bool:
        """Return whether rounding alone makes an array of the rung differ by as much.

        `theirs` is what the reference shows on the rung, `absolute` the difference.
        """
        if self._twin is None or theirs is None:
            return False
        statistics = self._forced.step.statistics or {}
        may_be_zero = rung.name in {"gradients", "clipped gradients"} or array in statistics
        among = statistics if array in statistics else theirs
        if may_be_zero and absolute <= ALWAYS_ALLOWED_ULPS * _ulp_of_the_step(among):
            return True
        for draw in range(DRAWS):
            distance = self._distances(rung, theirs, draw).get(array, 0.0)
            if absolute <= TIMES_THE_TWIN * distance:
                return True
            if 0 < distance < absolute / HOPELESS:
                return False
        return False

    def _distances(self, rung: LookingRung[Any], theirs: Shown, draw: int) -> dict[str, float]:
        """Return by array how far one twin is from the reference on a rung."""
        if (rung.name, draw) not in self._apart and self._twin is not None:
            forced, step = self._step(self._twin, draw)
            shown = rung.show(self._twin, forced, step) or {}
            self._apart[rung.name, draw] = {
                name: difference.absolute for name, difference in rung.differences(shown, theirs)
            }
        return self._apart[rung.name, draw]

    def _step(self, twin: Side[B], draw: int) -> tuple[Forced[B], Step]:
        while len(self._moved) <= draw:
            state = moved_by_one_ulp(self._forced.state, seed=len(self._moved))
            forced = self._forced._replace(state=state)
            self._moved.append((forced, take_step(twin, state, forced.batch)))
        return self._moved[draw]


def _ulp_of_the_step(theirs: Shown) -> float:
    """Return one ulp of the magnitude that half of the arrays reach.

    Not of the largest: one array of a large input would excuse all the others.
    """
    shown = [each for each in theirs.values() if isinstance(each, np.ndarray) and each.size]
    arrays = [each for each in shown if each.dtype.kind == "f"]
    if not arrays:
        return 0.0
    middle = np.median([float(np.abs(each).max()) for each in arrays])
    return float(np.spacing(np.asarray(middle, arrays[0].dtype)))
