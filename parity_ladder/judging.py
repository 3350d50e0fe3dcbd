"""The outcome of each rung so far, and the first difference."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, ParamSpec

from parity_ladder.comparison import Difference, is_empty, same_memory
from parity_ladder.frozen import finite
from parity_ladder.result import RungResult
from parity_ladder.rungs import RUNGS, LookingRung, Rung, Shown
from parity_ladder.tolerances import Precision

P = ParamSpec("P")
NOTHING: Mapping[str, Any] = {}


class FirstDifference(NamedTuple):
    """The first place, in the order of the ladder, where the two sides differ."""

    rung: Rung
    step: int | None
    """The number of updates made before; None before the first step and after the last one."""
    array: str
    difference: Difference

    def __str__(self) -> str:
        when = self.rung.when if self.step is None else f"step {self.step}"
        return f"{self.rung.name}, {when}: {self.array}{self.difference.where}"


@dataclass
class _Judgement:
    """The outcome of one rung: the worst difference of all steps."""

    tolerance: float = 0.0
    holds: bool | None = None
    """Whether all that was compared agrees; None as long as nothing was compared."""
    because: str = ""
    """Why something was not compared, be it in one step only: then the rung cannot hold."""
    worst: float = 0.0
    where: str = ""
    left_out: dict[str, str] = field(default_factory=dict)
    """The arrays that a side cannot show, each with the reason."""
    rounding: dict[str, float] = field(default_factory=dict)
    """The arrays that differ by more than the tolerance, as far as rounding explains it."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of the rung: no side has shown anything there."""
        return self.holds is None and not self.because and not self.left_out

    @property
    def passed(self) -> bool | None:
        """False for a difference, True where all was compared and agrees, otherwise None."""
        return None if self.because and self.holds else self.holds


class Judge:
    """Compares what both sides show, rung by rung, and keeps the first difference."""

    def __init__(self, precision: Precision, on_rung: Callable[[RungResult], object]) -> None:
        self._on_rung = on_rung
        self._judgements = {rung.name: _Judgement() for rung in RUNGS}
        self.first_difference: FirstDifference | None = None
        for rung in RUNGS:
            if isinstance(rung, LookingRung):
                self._judgements[rung.name].tolerance = rung.tolerance.of(precision)

    def compare(
        self,
        rung: LookingRung[P],
        step: int | None,
        ours: Shown | None,
        theirs: Shown | None,
        left_out: Mapping[str, str] = NOTHING,
        by_rounding: Callable[[str, float], bool] = lambda _, __: False,
    ) -> bool:
        """Add one comparison to a rung; return whether the rung fails.

        `left_out` are the arrays that are not compared, each with the reason. `by_rounding` is
        called with an array whose difference is above the tolerance of the rung, and with that
        absolute difference; it returns whether rounding alone explains it.
        """
        judgement = self._judgements[rung.name]
        if ours is None and theirs is None and rung.optional:
            return False
        if ours is not None and theirs is not None and left_out:
            judgement.left_out |= {n: left_out[n] for n in left_out if n in theirs or n in ours}
            ours, theirs = (
                {name: value for name, value in shown.items() if name not in left_out}
                for shown in (ours, theirs)
            )
            if judgement.left_out and not theirs and not ours:
                reasons = sorted(set(judgement.left_out.values()))
                judgement.because = "; ".join(reasons)
                return False
        if theirs is None or (ours is None and judgement.holds is None):
            whose = "reference" if theirs is None else "port"
            judgement.because = f"the {whose} does not show it"
            return False
        ours = ours or {}  # what a port shows in one step it has to show in all
        if is_empty(ours) and is_empty(theirs):
            judgement.because = "both sides show nothing there"
            return False
        if shared := same_memory(ours, theirs):
            judgement.because = f"both sides hold {shared} in the same memory: it is one array"

        # All arrays are compared even then: a difference in another one is a failure.
        judgement.holds = judgement.holds is not False
        for array, difference in rung.differences(ours, theirs):
            here = FirstDifference(rung, step, array, difference)
            is_large = judgement.tolerance < difference.relative < math.inf
            if is_large and by_rounding(array, difference.absolute):
                largest = max(difference.relative, judgement.rounding.get(array, 0.0))
                judgement.rounding[array] = largest
                continue
            if difference.relative > judgement.worst:
                judgement.worst, judgement.where = difference.relative, str(here)
            if difference.relative > judgement.tolerance:
                judgement.holds = False
                self.first_difference = self.first_difference or here
        return not judgement.holds

    def judge(self, rung: Rung, worst: float, tolerance: float, where: str) -> None:
        """Judge a rung by one number, which may be at most `tolerance`."""
        holds = worst <= tolerance
        self._judgements[rung.name] = _Judgement(tolerance, holds, "", worst, where)
        if not holds:
            apart = Difference(worst, worst, f" is {worst:.2g}, more than {tolerance:.2g}")
            self.first_difference = FirstDifference(rung, None, where, apart)

    def leave_out(self, rung: Rung, because: str) -> None:
        """Do not judge a rung, for this reason."""
        self._judgements[rung.name].because = because

    def forget(self, *rungs: Rung) -> None:
        """Drop the outcome of earlier steps on these rungs: the climb ends below them."""
        for rung in rungs:
            self._judgements[rung.name] = _Judgement(self._judgements[rung.name].tolerance)

    def report(self, *rungs: Rung) -> None:
        """Pass the result of finished rungs to the caller of the climb."""
        for rung in rungs:
            if self._is_worth_a_line(rung):
                self._on_rung(self.result_of(rung))

    def result_of(self, rung: Rung) -> RungResult:
        """Return the result of a rung."""
        judgement, first = self._judgements[rung.name], self.first_difference
        because = judgement.because
        if not because and first is not None:
            because = f"the climb ended below, on {first.rung.name}"
        return RungResult(
            rung=rung.name,
            passed=judgement.passed,
            because=because if judgement.passed is None else None,
            worst=finite(judgement.worst),
            tolerance=judgement.tolerance,
            where=judgement.where,
            left_out=tuple(f"{name}: {why}" for name, why in judgement.left_out.items()),
            rounding=tuple(f"{n}: {apart:.1e}" for n, apart in judgement.rounding.items()),
        )

    @property
    def results(self) -> tuple[RungResult, ...]:
        """The results of all rungs, but for those that neither side has, or another rung covers."""
        return tuple(self.result_of(rung) for rung in RUNGS if self._is_worth_a_line(rung))

    def _is_worth_a_line(self, rung: Rung) -> bool:
        judgement = self._judgements[rung.name]
        if rung.part_of and judgement.holds is None:
            return self._judgements[rung.part_of].holds is None
        return not (rung.optional and judgement.is_empty)
