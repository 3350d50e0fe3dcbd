"""The last rung: both sides go on from their own states (free-running) and have to stay together.

How far apart rounding may drive them is measured, not chosen: in float64 by one twin of the
reference, whose initial weights are one ulp away, in float32 by several twins of each side.
"""

import math
from typing import Generic

import numpy as np

from parity_ladder.comparison import compare, differences
from parity_ladder.distances import FreeRunning
from parity_ladder.frozen import finite
from parity_ladder.judging import Judge
from parity_ladder.rungs import TRAJECTORY, Forced
from parity_ladder.side import B, Side, State, Step, take_step
from parity_ladder.tolerances import (
    ALWAYS_ALLOWED_ULPS,
    ENVELOPE_EXCESS,
    TIMES_THE_TWIN,
    TIMES_THE_TWIN_IN_AN_ARRAY,
    Precision,
)
from parity_ladder.twins import Envelope, moved_by_one_ulp


class _Follower(Generic[B]):
    """A free-running side, and its distance from the reference's run after each step."""

    def __init__(self, side: Side[B], start: State) -> None:
        self._side, self._state = side, start
        self.losses: list[float] = []
        """Absolute differences of the loss; NaN for a step in which a side shows none."""
        self.weights: list[float] = []
        """Absolute differences of the weight that differs most."""
        self.by_array: dict[str, float] = {}
        """The largest absolute difference so far in each array of weights."""

    def follow(self, forced: Forced[B]) -> None:
        """Take the next step, and append its distance from the reference's step."""
        step = take_step(self._side, self._state, forced.batch)
        self._state = step.state
        self.losses.append(_loss_difference(step, forced.step))
        apart = {
            name: difference.absolute
            for name, difference in differences(step.state.weights, forced.step.state.weights)
        }
        self.weights.append(max(apart.values(), default=math.inf))
        for name, absolute in apart.items():
            self.by_array[name] = max(absolute, self.by_array.get(name, 0.0))

    @property
    def largest(self) -> dict[str, float]:
        """The largest `loss` and `weight` so far; without `loss` if none was shown."""
        shown = [value for value in self.losses if not math.isnan(value)]
        followed = {"loss": shown, "weight": self.weights}
        return {name: max(values) for name, values in followed.items() if values}


def _loss_difference(ours: Step, theirs: Step) -> float:
    """Return the absolute difference of the losses; NaN if a side shows none.

    The penalties are included if both sides show them.
    """
    if ours.loss is not None and theirs.loss is not None:
        return compare(np.array(float(ours.loss)), np.array(float(theirs.loss))).absolute
    if ours.data_loss is None or theirs.data_loss is None:
        return math.nan
    if ours.penalty is None or theirs.penalty is None:
        losses = ours.data_loss, theirs.data_loss
    else:
        losses = ours.data_loss + ours.penalty, theirs.data_loss + theirs.penalty
    mine, other = (np.array(float(loss)) for loss in losses)
    return compare(mine, other).absolute


class FreeRun(Generic[B]):
    """The free-running port and, in float64, a free-running twin of the reference."""

    def __init__(
        self, port: Side[B], reference: Side[B], start: State, precision: Precision
    ) -> None:
        own = port.initial_state()
        self._port = _Follower(port, start if own is None else own)
        self._twin: _Follower[B] | None = None
        if precision == "float64":
            twin = reference.free_running_twin() or reference
            self._twin = _Follower(twin, moved_by_one_ulp(start, seed=0))
        self._largest_loss = 0.0
        self._magnitudes: dict[str, float] = {}
        """The largest magnitude of an element in each array of the reference's weights."""
        self._allowed: dict[str, float] = {}

    def follow(self, forced: Forced[B]) -> None:
        """Take the step of the reference with the port, and with the twin if there is one."""
        self._port.follow(forced)
        if self._twin is not None:
            self._twin.follow(forced)
        loss = (forced.step.data_loss or 0.0) + (forced.step.penalty or 0.0)
        self._largest_loss = max(self._largest_loss, abs(float(loss)))
        for name, array in forced.step.state.weights.items():
            largest = float(np.abs(array).max(initial=0.0))
            self._magnitudes[name] = max(largest, self._magnitudes.get(name, 0.0))

    @property
    def largest(self) -> dict[str, float]:
        """The port's largest differences from the reference, by `loss` and `weight`."""
        return self._port.largest

    @property
    def twin_largest(self) -> dict[str, float]:
        """The same of the reference's twin; empty in float32, where there is none."""
        return {} if self._twin is None else self._twin.largest

    def judge(self, judge: Judge) -> None:
        """Compare the port's largest differences with those of the twin, in float64.

        The loss and the weight that differs most are judged, and then each array of weights by
        itself, so that no array that rounding drives far hides another one.
        """
        twin = self.twin_largest
        if not all(map(math.isfinite, twin.values())):  # it would allow everything
            judge.leave_out(TRAJECTORY, "the reference's own twin, one ulp away, is not finite")
            return
        scales = {"loss": self._largest_loss, "weight": max(self._magnitudes.values(), default=0.0)}
        self._allowed = {
            name: _at_least_some_ulps(TIMES_THE_TWIN * twin[name], scales[name])
            for name in self.largest
        }
        measured = {
            f"largest absolute difference of a {name}": (value, self._allowed[name])
            for name, value in self.largest.items()
        }
        of_the_twin = {} if self._twin is None else self._twin.by_array
        for name, value in self._port.by_array.items():
            by_twin = TIMES_THE_TWIN_IN_AN_ARRAY * of_the_twin.get(name, 0.0)
            allowed = _at_least_some_ulps(by_twin, self._magnitudes.get(name, 0.0))
            measured[f"largest absolute difference within {name}"] = value, allowed
        worst = max(measured, key=lambda each: measured[each][0] / measured[each][1])
        where = f"{worst} in {len(self._port.weights)} free-running steps"
        judge.judge(TRAJECTORY, *measured[worst], where)

    @property
    def largest_share(self) -> float:
        """The largest difference within an array of weights, as a multiple of the twin's there.

        Arrays that are a few ulps apart, which is always allowed, do not count.
        """
        if self._twin is None:
            return 0.0
        smallest = {n: ALWAYS_ALLOWED_ULPS * np.spacing(m) for n, m in self._magnitudes.items()}
        return max(
            (
                value / max(self._twin.by_array[name], 1e-300)
                for name, value in self._port.by_array.items()
                if value > smallest[name]
            ),
            default=0.0,
        )

    @property
    def table(self) -> FreeRunning | None:
        """The differences of the port after each step; None if there was no step."""
        steps = len(self._port.weights)
        if not steps:
            return None
        return FreeRunning(
            steps=tuple(range(1, steps + 1)),
            loss=tuple(finite(apart) for apart in self._port.losses),
            weight=tuple(finite(apart) for apart in self._port.weights),
            loss_tolerance=self._allowed.get("loss"),
            weight_tolerance=self._allowed.get("weight"),
        )


def _at_least_some_ulps(by_twin: float, scale: float) -> float:
    """Return the tolerance by the twin's largest difference, at least a few ulps of the scale."""
    return max(by_twin, ALWAYS_ALLOWED_ULPS * float(np.spacing(scale)))


def judge_envelope(judge: Judge, envelope: Envelope) -> None:
    """Compare the distances between the sides with those between twins, in float32."""
    excess = envelope.excess

    def share(phase: str) -> float:
        """Return the part of the tolerance that is used; infinity for NaN, which fails."""
        part = excess[phase] / ENVELOPE_EXCESS[phase]
        return math.inf if math.isnan(part) else part

    worst = max(excess, key=share)
    where = f"in the {worst} phase, log ratio of the distances to those of one-ulp twins"
    judge.judge(TRAJECTORY, excess[worst], ENVELOPE_EXCESS[worst], where)
