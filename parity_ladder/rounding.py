"""Which differences in one step rounding alone explains, measured on the reference itself.

A fixed tolerance is relative to the magnitude of an array. That is too strict where an array is
nothing but rounding: the gradient of a bias before a BatchNorm is zero in theory, and so is the
mean of a BatchNorm behind another. In a gradient or a statistic, a few ulps of what those of the
step usually are make no difference. A tolerance is also too strict behind an operation that the
reference computes in lower precision than the rest. So a difference above the tolerance is compared
with that between the reference and its *rounding twin*: the same side with other rounding, from
weights that are one ulp away. An update is compared more closely: with what the reference's
optimizer makes of the port's gradients.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Generic

import numpy as np

from parity_ladder.comparison import compare
from parity_ladder.rungs import Forced, LookingRung, Shown
from parity_ladder.side import B, Side, Step, Update, take_step
from parity_ladder.tolerances import ALWAYS_ALLOWED_ULPS, TIMES_THE_TWIN, USUAL
from parity_ladder.twins import moved_by_one_ulp, precision_of

DRAWS = 6
"""The number of times, at most, that a step is taken from one ulp away. In one of them, rounding
may by chance cancel."""
A_SMALL_PART, A_LARGE_PART = 1e-3, 0.1
"""Of an array: a few ulps of the usual gradient excuse a small part of another one. They excuse a
large part only if it is nothing but rounding, and differs as much between reference and twin."""
HOPELESS = 1e6
"""No further twin is computed for a difference that is so many times as large as the first's."""


class RoundingTwin(Generic[B]):
    """The steps of the rounding twins; they are taken when a difference asks for them."""

    def __init__(self, twins: Sequence[Side[B]], forced: Forced[B]) -> None:
        """`twins` are the reference's `rounding_twins`; without them, rounding explains nothing."""
        self._twins, self._forced = twins, forced
        self._moved: list[tuple[Forced[B], Step]] = []
        self._apart: dict[tuple[str, int], dict[str, float]] = {}
        self._latest: tuple[Step, Sequence[Update]] | None = None

    def explains(
        self,
        rung: LookingRung[Any],
        step: Step,
        theirs: Shown | None,
        array: str,
        absolute: float,
    ) -> bool:
        """Return whether rounding alone makes an array of the rung differ by as much.

        `step` is the port's, `theirs` what the reference shows on the rung, `absolute` the
        difference.
        """
        if not self._twins or theirs is None:
            return False
        by_the_update = self._explained_by_the_update(rung, step, array)
        if by_the_update is not None:
            return by_the_update
        statistics = self._forced.step.statistics or {}
        may_be_zero = rung.name in {"gradients", "clipped gradients"} or array in statistics
        among = statistics if array in statistics else theirs
        size = float(np.abs(theirs[array]).max()) if array in theirs else 0.0
        is_small = may_be_zero and absolute <= ALWAYS_ALLOWED_ULPS * _ulp_of_the_step(among)
        if is_small and (array in statistics or absolute <= A_SMALL_PART * size):
            return True
        for draw in range(DRAWS):
            distance = self._distances(rung, theirs, draw).get(array, 0.0)
            is_noise = distance >= A_LARGE_PART * size
            if absolute <= TIMES_THE_TWIN * distance or (is_small and is_noise):
                return True
            if 0 < distance < absolute / HOPELESS:
                return False
        return False

    def _explained_by_the_update(
        self, rung: LookingRung[Any], step: Step, array: str
    ) -> bool | None:
        """Return whether the reference's optimizer makes this of the port's own gradients and rate.

        The twin's distance would not do here: a weight decay may be smaller than what the rounding
        of Adam's constants amounts to. None where there is nothing to tell by.
        """
        if rung.name not in {"optimizer state", "updated weights"}:
            return None
        updates = self._updates(step)
        gradients = step.gradients or {}
        if not updates or not any(array.endswith(name) for name in gradients):
            return None
        ours = rung.show(self._twins[0], self._forced, step) or {}
        precision = precision_of(self._forced.state)
        for update in updates:
            after, moved = (
                rung.show(self._twins[0], self._forced, replace(step, state=state)) or {}
                for state in (update.after, update.moved)
            )
            if array not in ours or array not in after:
                return None
            allowed = TIMES_THE_TWIN * compare(moved[array], after[array]).absolute
            difference = compare(ours[array], after[array])
            if difference.absolute <= allowed or difference.relative <= rung.tolerance.of(
                precision
            ):
                return True
        return False

    def _updates(self, step: Step) -> Sequence[Update]:
        """Return the updates of the reference with the gradients of a step, computed once."""
        if self._latest is None or self._latest[0] is not step:
            forced = self._forced
            self._latest = step, self._twins[0].updates_with(forced.state, forced.batch, step)
        return self._latest[1]

    def _distances(self, rung: LookingRung[Any], theirs: Shown, draw: int) -> dict[str, float]:
        """Return by array how far one twin is from the reference on a rung."""
        if (rung.name, draw) not in self._apart:
            forced, step = self._step(draw)
            shown = rung.show(self._twin(draw), forced, step) or {}
            self._apart[rung.name, draw] = {
                name: difference.absolute for name, difference in rung.differences(shown, theirs)
            }
        return self._apart[rung.name, draw]

    def _step(self, draw: int) -> tuple[Forced[B], Step]:
        while len(self._moved) <= draw:
            number = len(self._moved)
            state = moved_by_one_ulp(self._forced.state, seed=number)
            forced = self._forced._replace(state=state)
            self._moved.append((forced, take_step(self._twin(number), state, forced.batch)))
        return self._moved[draw]

    def _twin(self, draw: int) -> Side[B]:
        return self._twins[draw % len(self._twins)]


def _ulp_of_the_step(theirs: Shown) -> float:
    """Return one ulp of the arrays' usual magnitude."""
    shown = [each for each in theirs.values() if isinstance(each, np.ndarray) and each.size]
    arrays = [each for each in shown if each.dtype.kind == "f"]
    if not arrays:
        return 0.0
    magnitudes = [float(np.abs(each).max()) for each in arrays]
    usual = np.quantile(magnitudes, USUAL, method="lower")
    return float(np.spacing(np.asarray(usual, arrays[0].dtype)))
