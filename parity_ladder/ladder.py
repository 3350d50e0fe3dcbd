"""The climb: two sides compared rung by rung, up to the first difference and its causes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Generic

import numpy as np
from tqdm import tqdm

from parity_ladder.diagnosis import LOOKED_AT, Catalogue, Diagnosis
from parity_ladder.errors import LadderError
from parity_ladder.judging import Judge
from parity_ladder.result import Cause, Result, RungResult, TwinDistances, finite
from parity_ladder.rungs import (
    BEFORE_TRAINING,
    EPOCH_METRICS,
    IN_A_STEP,
    RUNGS,
    TRAJECTORY,
    Forced,
    teacher_forced,
)
from parity_ladder.side import B, Side, State, Step
from parity_ladder.tolerances import TWINS, Precision
from parity_ladder.trajectory import FreeRun, judge_envelope
from parity_ladder.twins import Envelope, measure, start_of

_NO_STATE = State({}, {})


def climb(
    port: Side[B],
    reference: Side[B],
    batches: Sequence[B],
    *,
    next_epoch: Sequence[B] = (),
    known: Catalogue[B] | None = None,
    twins: int = TWINS,
    on_rung: Callable[[RungResult], object] = lambda _: None,
    show_progress: bool | None = None,
) -> Result:
    """Compare a port with the reference over one epoch of batches; return all that was found.

    The port takes each step from the reference's own state, so that the first rung that fails
    names the place of the problem; then both go their own way. `next_epoch` are batches that follow
    and are only taken from the reference's state: a schedule that begins anew with an epoch shows
    there. `known` are the known differences among which the causes are looked for.

    In float64 the trajectories may part as far as the reference parts from a twin of its own that
    begins one ulp away (`tolerances.TIMES_THE_TWIN`). In float32 they are held against `twins` runs
    of each side.

    `on_rung` is told of each rung as soon as it is judged. Bars are shown on a terminal, or always
    or never by `show_progress`. Raises `LadderError` where there is nothing to climb with.
    """
    if not batches:
        raise LadderError("batches: there are none; accepted: one or more")
    if twins < 2:
        raise LadderError(f"twins = {twins}: accepted: 2 or more")
    under_way = _Climb(port, reference, batches, on_rung, show_progress)
    under_way.go_up(next_epoch, twins)
    return under_way.result(known)


class _Climb(Generic[B]):
    """One climb under way."""

    def __init__(
        self,
        port: Side[B],
        reference: Side[B],
        batches: Sequence[B],
        on_rung: Callable[[RungResult], object],
        show_progress: bool | None,
    ) -> None:
        self._port, self._reference, self._batches = port, reference, batches
        self._show_progress = show_progress
        start = start_of(reference)
        self._precision = _precision_of(start)
        self._judge = Judge(self._precision, on_rung)
        self._free = FreeRun(port, reference, start, self._precision)
        self._envelope: Envelope | None = None
        self._evidence: list[Forced[B]] = []
        """The reference's steps that a diagnosis looks at."""

    def go_up(self, next_epoch: Sequence[B], twins: int) -> None:
        """Judge the rungs in their order, up to the first difference."""
        if self._before_training():
            our_steps = self._steps(next_epoch)
            if self._agrees and self._epoch_metrics(our_steps):
                self._trajectory(twins)

    @property
    def _agrees(self) -> bool:
        return self._judge.first_difference is None

    def _before_training(self) -> bool:
        """Compare what stands before the first step; return whether the sides agree."""
        for rung in BEFORE_TRAINING:
            ours, theirs = rung.show(self._port), rung.show(self._reference)
            self._judge.compare(rung, None, ours, theirs)
            self._judge.tell(rung)
            if not self._agrees:
                few = teacher_forced(self._reference, self._batches[:LOOKED_AT])
                self._evidence = list(few)
                break
        return self._agrees

    def _steps(self, next_epoch: Sequence[B]) -> list[Step]:
        """Take each step twice: from the reference's state, and from the port's own.

        The reference's run is its free-running trajectory, too. Returns the port's steps of the
        epoch, numbers alone.
        """
        our_steps: list[Step] = []
        forced_steps = teacher_forced(self._reference, [*self._batches, *next_epoch])
        with self._bar(len(self._batches) + len(next_epoch), "steps") as bar:
            for forced in forced_steps:
                step = self._port.step(forced.state, forced.batch)
                self._compare_step(forced, step)
                if not self._agrees:
                    self._evidence = [forced, *islice(forced_steps, LOOKED_AT - 1)]
                    return our_steps
                if forced.number < len(self._batches):
                    self._free.follow(forced)
                    our_steps.append(_numbers_of(step))
                    numbers = _numbers_of(forced.step)
                    self._evidence.append(forced._replace(state=_NO_STATE, step=numbers))
                bar.update()
        self._judge.tell(*IN_A_STEP)
        return our_steps

    def _compare_step(self, forced: Forced[B], step: Step) -> None:
        """Compare one step on every rung; where the sides part, those above are not judged."""
        for place, rung in enumerate(IN_A_STEP):
            ours = rung.show(self._port, forced, step)
            theirs = rung.show(self._reference, forced, forced.step)
            if self._judge.compare(rung, forced.number, ours, theirs):
                self._judge.forget(*IN_A_STEP[place + 1 :])
                self._judge.tell(*IN_A_STEP[: place + 1])
                return

    def _epoch_metrics(self, our_steps: Sequence[Step]) -> bool:
        """Compare what the epoch is reported as; return whether the sides agree."""
        their_steps = [forced.step for forced in self._evidence]
        ours = EPOCH_METRICS.show(self._port, our_steps)
        theirs = EPOCH_METRICS.show(self._reference, their_steps)
        self._judge.compare(EPOCH_METRICS, None, ours, theirs)
        self._judge.tell(EPOCH_METRICS)
        return self._agrees

    def _trajectory(self, twins: int) -> None:
        """Judge how far both part on their own ways."""
        if self._precision == "float64":
            self._free.judge(self._judge)
        else:
            runs = 2 * (1 + twins)
            with self._bar(runs * len(self._batches), "one-ulp twins") as bar:
                self._envelope = measure(
                    self._port, self._reference, self._batches, twins, bar.update
                )
            judge_envelope(self._judge, self._envelope)
        self._judge.tell(TRAJECTORY)

    def result(self, known: Catalogue[B] | None) -> Result:
        """Look for the causes of a difference, and return everything."""
        first = self._judge.first_difference
        causes: tuple[Cause, ...] = ()
        if first is not None and known is not None:
            diagnosis = Diagnosis(self._port, known, self._precision, first, self._evidence)
            causes = diagnosis.causes(show_progress=self._show_progress)
        envelope = self._envelope
        largest = {name: finite(apart) for name, apart in self._free.largest.items()}
        return Result(
            dtype=self._precision,
            rungs=tuple(self._judge.result_of(rung) for rung in RUNGS),
            first_difference=None if first is None else str(first),
            causes=causes,
            explanation=self._explanation(causes, is_known=known is not None),
            loss_max_difference=largest.get("loss"),
            weight_max_difference=largest.get("weight"),
            free_running=self._free.table,
            twin_distances=None if envelope is None else TwinDistances.of(envelope),
        )

    def _explanation(self, causes: Sequence[Cause], *, is_known: bool) -> str | None:
        first = self._judge.first_difference
        if first is None:
            return None
        if first.rung is TRAJECTORY:
            return (
                "every single step agrees, so no known difference explains it; what the reference"
                " parts by from a twin that begins one ulp away is in the tolerance"
            )
        if not is_known:
            return "no known differences were given, so none was looked for"
        if not causes:
            return "no known difference explains it"
        return "\n".join(str(cause) for cause in causes)

    def _bar(self, total: int, what: str) -> "tqdm[Any]":
        disable = None if self._show_progress is None else not self._show_progress
        return tqdm(total=total, desc=what, unit="step", leave=False, disable=disable)


def _precision_of(state: State) -> Precision:
    """Return float64 where all weights are, else float32."""
    wide = all(array.dtype == np.float64 for array in state.weights.values())
    return "float64" if wide else "float32"


def _numbers_of(step: Step) -> Step:
    """Return a step without its arrays, for a report on an epoch."""
    return replace(step, gradients=None, state=State({}, {}, step.state.iteration))
