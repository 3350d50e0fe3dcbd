"""Which differences in one step rounding alone explains, measured on the reference itself.

A fixed tolerance is relative to the magnitude of an array. That is too strict where an array is
nothing but rounding: the gradient of a bias before a BatchNorm is zero in theory. It is also too
strict behind an operation that the reference computes in lower precision than the rest. So a
difference above the tolerance is compared with that between the reference and its *rounding twin*:
the same side, from weights that are one ulp away.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Generic, NamedTuple

from parity_ladder.rungs import Forced, LookingRung, Shown
from parity_ladder.side import B, Side, State, Step, take_step
from parity_ladder.tolerances import TIMES_THE_TWIN
from parity_ladder.twins import moved_by_one_ulp

DRAWS = 3
"""The number of twins. In one of them, rounding may by chance cancel."""


class _Moved(NamedTuple):
    """A step of the twin."""

    state: State
    step: Step


class RoundingTwin(Generic[B]):
    """The rounding twins of one step; they are computed when a difference asks for them."""

    def __init__(self, reference: Side[B], forced: Forced[B]) -> None:
        self._forced = forced
        self._twin = reference.rounding_twin()

    def explains(self, rung: LookingRung[Any], theirs: Shown | None) -> Mapping[str, float]:
        """Return the absolute difference that rounding explains, by array.

        `theirs` is what the reference shows on the rung.
        """
        if self._twin is None or theirs is None:
            return {}
        largest: dict[str, float] = {}
        for moved in self._moved:
            forced = self._forced._replace(state=moved.state)
            shown = rung.show(self._twin, forced, moved.step) or {}
            for name, difference in rung.differences(shown, theirs):
                largest[name] = max(largest.get(name, 0.0), difference.absolute)
        return {name: TIMES_THE_TWIN * apart for name, apart in largest.items()}

    @cached_property
    def _moved(self) -> list[_Moved]:
        twin, forced = self._twin, self._forced
        if twin is None:
            return []
        states = [moved_by_one_ulp(forced.state, seed) for seed in range(DRAWS)]
        return [_Moved(state, take_step(twin, state, forced.batch)) for state in states]
