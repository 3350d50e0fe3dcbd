"""The ladder: two implementations compared rung by rung until the first difference."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from parity_tests import tolerances
from parity_tests.comparison import Difference, compare
from parity_tests.envelope import Envelope
from parity_tests.evidence import (
    BEFORE_TRAINING,
    OF_A_STEP,
    Forced,
    Tensors,
    before_training,
    differences,
    of_epoch,
    of_step,
)
from parity_tests.implementation import Implementation, State, Step


class FirstDifference(NamedTuple):
    """Where two implementations part."""

    rung: str
    step: int | None
    """Count of updates made before; None for what stands before the first step or after the last.
    """
    tensor: str
    difference: Difference

    def __str__(self) -> str:
        when = f"step {self.step}"
        if self.step is None:
            after = self.rung in ("epoch metrics", "trajectory")
            when = "after the epoch" if after else "before the first step"
        return f"{self.rung}, {when}: {self.tensor}{self.difference.where}"


@dataclass
class Rung:
    """What one rung showed: the worst tensor of all steps."""

    name: str
    tolerance: float
    passed: bool | None = None
    """None for a rung that was not reached, or that the port shows nothing for."""
    worst: float = 0.0
    where: str = ""


@dataclass
class Ladder:
    """Compares a port with a reference; `climb` goes up to the first difference."""

    port: Implementation
    reference: Implementation
    on_rung: Callable[[Rung], None] = lambda _: None
    """Is told of each rung once it is judged."""
    rungs: dict[str, Rung] = field(init=False)
    first_difference: FirstDifference | None = None
    loss_differences: list[float] = field(default_factory=list)
    """Of the free-running trajectories, after each step; absolute."""
    weight_differences: list[float] = field(default_factory=list)
    """The same of the weight that is furthest off."""

    def __post_init__(self) -> None:
        experiment = self.reference.experiment
        self.rungs = {
            name: Rung(name, tolerances.of_rung(name, experiment)) for name in tolerances.RUNGS
        }

    @property
    def loss_max_difference(self) -> float:
        """The largest of all free-running steps."""
        return max(self.loss_differences, default=0.0)

    @property
    def weight_max_difference(self) -> float:
        """The largest of all free-running steps."""
        return max(self.weight_differences, default=0.0)

    def climb(self, forced: Iterable[Forced]) -> FirstDifference | None:
        """Go up to the first difference and return it; `forced` is the reference's first epoch.

        A float32 trajectory is left to `judge_envelope`.
        """
        self._before_training()
        if self.first_difference is None:
            self._steps(forced)
        if self.first_difference is None and self.reference.experiment.dtype == "float64":
            self._judge_trajectory()
        return self.first_difference

    def _before_training(self) -> None:
        for name in (*BEFORE_TRAINING, "optimizer state"):
            ours = before_training(self.port, name)
            theirs = before_training(self.reference, name)
            if name == "initial weights":  # shapes are the next rung's
                same = {n for n in ours.keys() & theirs.keys() if ours[n].shape == theirs[n].shape}
                ours, theirs = ({n: side[n] for n in side if n in same} for side in (ours, theirs))
            found = self._look(name, None, ours, theirs)
            if name in BEFORE_TRAINING or found:
                self.on_rung(self.rungs[name])
            if found:
                return

    def _steps(self, forced: Iterable[Forced]) -> None:
        """Take each step twice: from the reference's state, and from the port's own.

        The reference's run is its free-running trajectory, too.
        """
        our_steps, their_steps = [], []
        own_state = self.port.initial_state()
        for taken in forced:
            our_step = taken.taken_by(self.port)
            for name in OF_A_STEP:
                ours = of_step(self.port, taken, our_step, name)
                theirs = of_step(self.reference, taken, taken.step, name)
                if name == "layer outputs" and not ours and not self.rungs[name].passed:
                    continue  # the port never shows them: the rung stays unjudged
                if self._look(name, taken.number, ours, theirs):
                    self._stop_at(name)
                    return
            if taken.number >= self.reference.experiment.steps_per_epoch:
                continue
            own_step = self.port.step(own_state, taken.images_nhwc, taken.labels)
            own_state = own_step.state
            self._follow(own_step, taken.step)
            our_steps.append(without_tensors(our_step))
            their_steps.append(without_tensors(taken.step))
        for name in OF_A_STEP:
            self.on_rung(self.rungs[name])
        name = "epoch metrics"
        self._look(
            name, None, of_epoch(self.port, our_steps), of_epoch(self.reference, their_steps)
        )
        self.on_rung(self.rungs[name])

    def _stop_at(self, name: str) -> None:
        """Tell of the rungs up to the one that failed in a step; those above it are not judged."""
        reached = OF_A_STEP.index(name)
        for held in OF_A_STEP[: reached + 1]:
            self.on_rung(self.rungs[held])
        for above in OF_A_STEP[reached + 1 :]:
            self.rungs[above] = Rung(above, self.rungs[above].tolerance)

    def _follow(self, ours: Step, theirs: Step) -> None:
        """Take down how far the free-running trajectories are apart after one step."""
        losses = (np.array(step.data_loss + step.penalty) for step in (ours, theirs))
        self.loss_differences.append(compare(*losses).absolute)
        weights = differences(ours.state.weights, theirs.state.weights)
        self.weight_differences.append(max(apart.absolute for _, apart in weights))

    def _judge_trajectory(self) -> None:
        """Hold the free-running trajectories' largest differences against what is allowed."""
        steps = self.reference.experiment.steps_per_epoch
        allowed = tolerances.of_trajectory(self.reference.experiment)
        largest = {"loss": self.loss_max_difference, "weight": self.weight_max_difference}
        tolerance = {"loss": allowed.loss, "weight": allowed.weight}
        worst = max(largest, key=lambda name: largest[name] / tolerance[name])
        self._judge_last_rung(
            largest[worst],
            tolerance[worst],
            f"largest absolute difference of a {worst} in {steps} free-running steps",
        )

    def judge_envelope(self, envelope: Envelope) -> None:
        """Take the float32 trajectories' distances into the last rung."""
        allowed = tolerances.ENVELOPE_EXCESS
        excess = envelope.excess
        worst = max(excess, key=lambda phase: excess[phase] / allowed[phase])
        self._judge_last_rung(
            excess[worst],
            allowed[worst],
            f"in the {worst} phase, log ratio of the distances to those of one-ulp twins",
        )

    def _judge_last_rung(self, worst: float, tolerance: float, where: str) -> None:
        rung = Rung("trajectory", tolerance, worst <= tolerance, worst, where)
        self.rungs["trajectory"] = rung
        if not rung.passed:
            apart = Difference(worst, worst, f" is {worst:.2g}, more than {tolerance:.2g}")
            self.first_difference = FirstDifference("trajectory", None, where, apart)
        self.on_rung(rung)

    def _look(self, name: str, step: int | None, ours: Tensors, theirs: Tensors) -> bool:
        """Take one comparison into a rung; return whether it is the first difference."""
        rung = self.rungs[name]
        rung.passed = rung.passed is not False
        for tensor, difference in differences(ours, theirs):
            found = FirstDifference(name, step, tensor, difference)
            if difference.relative > rung.worst:
                rung.worst, rung.where = difference.relative, str(found)
            if difference.relative > rung.tolerance:
                rung.passed = False
                self.first_difference = self.first_difference or found
        return not rung.passed


def without_tensors(step: Step) -> Step:
    """Return the step's numbers alone, for a report."""
    return replace(step, gradients={}, state=State({}, {}, step.state.iteration))
