"""The last rung: each side goes its own way from the same start, and both stay together.

How far rounding may bring them apart is measured, not picked: in float64 by a twin of the
reference that begins one ulp away, in float32 by several twins of each side.
"""

import math
from typing import Generic

import numpy as np

from parity_ladder.comparison import compare, differences
from parity_ladder.judging import Judge
from parity_ladder.result import FreeRunning, finite
from parity_ladder.rungs import TRAJECTORY, Forced
from parity_ladder.side import Arrays, B, Side, State, Step
from parity_ladder.tolerances import (
    ALWAYS_ALLOWED_ULPS,
    ENVELOPE_EXCESS,
    TIMES_THE_TWIN,
    Precision,
)
from parity_ladder.twins import Envelope, moved_by_one_ulp


class _Follower(Generic[B]):
    """A side on its own way beside the reference's run, and how far it is from it."""

    def __init__(self, side: Side[B], start: State) -> None:
        self._side, self._state = side, start
        self.losses: list[float] = []
        """Absolute differences, after each step; empty where a side shows no loss."""
        self.weights: list[float] = []
        """The same of the weight that is furthest off."""

    def follow(self, forced: Forced[B]) -> None:
        """Take a step on, and take down how far it is from the reference's."""
        step = self._side.step(self._state, forced.batch)
        self._state = step.state
        ours, theirs = loss_of(step), loss_of(forced.step)
        if ours is not None and theirs is not None:
            self.losses.append(compare(np.array(ours), np.array(theirs)).absolute)
        apart = differences(step.state.weights, forced.step.state.weights)
        self.weights.append(max(difference.absolute for _, difference in apart))

    @property
    def largest(self) -> dict[str, float]:
        """The largest differences so far, of a loss and of a weight; only what was shown."""
        followed = {"loss": self.losses, "weight": self.weights}
        return {name: max(apart) for name, apart in followed.items() if apart}


def loss_of(step: Step) -> float | None:
    """Return a step's loss with its penalty, as far as it is shown."""
    return None if step.data_loss is None else step.data_loss + (step.penalty or 0.0)


class FreeRun(Generic[B]):
    """The port on its own way, and in float64 a twin of the reference beside it."""

    def __init__(
        self, port: Side[B], reference: Side[B], start: State, precision: Precision
    ) -> None:
        own = port.initial_state()
        self._port = _Follower(port, start if own is None else own)
        self._twin: _Follower[B] | None = None
        if precision == "float64":
            self._twin = _Follower(reference, moved_by_one_ulp(start, seed=0))
        self._largest_loss = self._largest_weight = 0.0
        self._allowed: dict[str, float] = {}

    def follow(self, forced: Forced[B]) -> None:
        """Take one step of each, beside the reference's."""
        self._port.follow(forced)
        if self._twin is not None:
            self._twin.follow(forced)
        self._largest_loss = max(self._largest_loss, abs(loss_of(forced.step) or 0.0))
        self._largest_weight = max(self._largest_weight, _magnitude(forced.step.state.weights))

    @property
    def largest(self) -> dict[str, float]:
        """The port's largest differences from the reference, of a `loss` and of a `weight`."""
        return self._port.largest

    @property
    def twin_largest(self) -> dict[str, float]:
        """Those of the reference's twin; empty in float32, where there is none."""
        return {} if self._twin is None else self._twin.largest

    def judge(self, judge: Judge) -> None:
        """Hold the port's largest differences in float64 against those of the twin."""
        twin = self.twin_largest
        scales = {"loss": self._largest_loss, "weight": self._largest_weight}
        self._allowed = {name: _allowed(twin[name], scales[name]) for name in self.largest}
        times = {name: apart / self._allowed[name] for name, apart in self.largest.items()}
        worst = max(times, key=lambda name: times[name])
        steps = len(self._port.weights)
        where = f"largest absolute difference of a {worst} in {steps} free-running steps"
        judge.judge(TRAJECTORY, self.largest[worst], self._allowed[worst], where)

    @property
    def table(self) -> FreeRunning | None:
        """Both differences after each step; None where no step was taken."""
        steps = len(self._port.weights)
        if not steps:
            return None
        losses = self._port.losses or [math.nan] * steps
        return FreeRunning(
            steps=tuple(range(1, steps + 1)),
            loss=tuple(finite(apart) for apart in losses),
            weight=tuple(finite(apart) for apart in self._port.weights),
            loss_tolerance=self._allowed.get("loss"),
            weight_tolerance=self._allowed.get("weight"),
        )


def _magnitude(arrays: Arrays) -> float:
    return max((float(np.abs(a).max(initial=0.0)) for a in arrays.values()), default=0.0)


def _allowed(twin: float, scale: float) -> float:
    """Return what the twin's largest difference allows, and a few ulps of the scale at least."""
    return max(TIMES_THE_TWIN * twin, ALWAYS_ALLOWED_ULPS * float(np.spacing(scale)))


def judge_envelope(judge: Judge, envelope: Envelope) -> None:
    """Hold the float32 trajectories' distances against those of the twins."""
    excess = envelope.excess
    worst = max(excess, key=lambda phase: excess[phase] / ENVELOPE_EXCESS[phase])
    where = f"in the {worst} phase, log ratio of the distances to those of one-ulp twins"
    judge.judge(TRAJECTORY, excess[worst], ENVELOPE_EXCESS[worst], where)
