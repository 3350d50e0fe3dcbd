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
from parity_ladder.side import Arrays, B, Side, State, Step, take_step
from parity_ladder.tolerances import (
    ALWAYS_ALLOWED_ULPS,
    ENVELOPE_EXCESS,
    TIMES_THE_TWIN,
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

    def follow(self, forced: Forced[B]) -> None:
        """Take the next step, and append its distance from the reference's step."""
        step = take_step(self._side, self._state, forced.batch)
        self._state = step.state
        self.losses.append(_loss_difference(step, forced.step))
        by_name = differences(step.state.weights, forced.step.state.weights)
        self.weights.append(max((each.absolute for _, each in by_name), default=math.inf))

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
            twin = reference.rounding_twin() or reference
            self._twin = _Follower(twin, moved_by_one_ulp(start, seed=0))
        self._largest_loss = self._largest_weight = 0.0
        self._allowed: dict[str, float] = {}

    def follow(self, forced: Forced[B]) -> None:
        """Take the step of the reference with the port, and with the twin if there is one."""
        self._port.follow(forced)
        if self._twin is not None:
            self._twin.follow(forced)
        loss = (forced.step.data_loss or 0.0) + (forced.step.penalty or 0.0)
        self._largest_loss = max(self._largest_loss, abs(float(loss)))
        self._largest_weight = max(self._largest_weight, _magnitude(forced.step.state.weights))

    @property
    def largest(self) -> dict[str, float]:
        """The port's largest differences from the reference, by `loss` and `weight`."""
        return self._port.largest

    @property
    def twin_largest(self) -> dict[str, float]:
        """The same of the reference's twin; empty in float32, where there is none."""
        return {} if self._twin is None else self._twin.largest

    def judge(self, judge: Judge) -> None:
        """Compare the port's largest differences with those of the twin, in float64."""
        twin = self.twin_largest
        if not all(map(math.isfinite, twin.values())):  # it would allow everything
            judge.leave_out(TRAJECTORY, "the reference's own twin, one ulp away, is not finite")
            return
        scales = {"loss": self._largest_loss, "weight": self._largest_weight}
        self._allowed = {name: _allowed(twin[name], scales[name]) for name in self.largest}
        shares = {name: value / self._allowed[name] for name, value in self.largest.items()}
        worst = max(shares, key=lambda name: shares[name])
        steps = len(self._port.weights)
        where = f"largest absolute difference of a {worst} in {steps} free-running steps"
        judge.judge(TRAJECTORY, self.largest[worst], self._allowed[worst], where)

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


def _magnitude(arrays: Arrays) -> float:
    """Return the largest magnitude of an element."""
    return max((float(np.abs(a).max(initial=0.0)) for a in arrays.values()), default=0.0)


def _allowed(twin: float, scale: float) -> float:
    """Return the tolerance by the twin's largest difference, at least a few ulps of the scale."""
    return max(TIMES_THE_TWIN * twin, ALWAYS_ALLOWED_ULPS * float(np.spacing(scale)))


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
