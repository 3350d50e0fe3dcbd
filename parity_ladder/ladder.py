"""The climb: it compares two sides rung by rung, up to the first difference and its causes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from typing import Any, Generic

from tqdm import tqdm

from parity_ladder.arguments import must_be_comparable
from parity_ladder.batches import first_batches
from parity_ladder.catalogue import Catalogue
from parity_ladder.diagnosis import LOOKED_AT, Diagnosis
from parity_ladder.distances import TwinDistances
from parity_ladder.errors import Float32OnlyError
from parity_ladder.frozen import finite
from parity_ladder.judging import Judge
from parity_ladder.result import Cause, Result, RungResult
from parity_ladder.rounding import RoundingTwin
from parity_ladder.rungs import (
    BEFORE_TRAINING,
    EPOCH_METRICS,
    IN_A_STEP,
    INITIAL_WEIGHTS,
    TRAJECTORY,
    Forced,
    Rung,
    teacher_forced,
)
from parity_ladder.side import B, Side, State, Step, take_step
from parity_ladder.tolerances import TWINS
from parity_ladder.trajectory import FreeRun, judge_envelope
from parity_ladder.twins import Envelope, measure, precision_of, start_of


def climb(
    port: Side[B],
    reference: Side[B],
    batches: Iterable[B],
    *,
    steps: int | None = None,
    next_epoch: Sequence[B] = (),
    known: Catalogue[B] | None = None,
    twins: int = TWINS,
    on_rung: Callable[[RungResult], object] = lambda _: None,
    show_progress: bool | None = None,
) -> Result:
    """Compare a port with the reference over one epoch of batches, and return the result.

    First the port takes each step from the reference's state (teacher-forced), so that the first
    rung that fails shows where the problem is. Then each side goes on from its own state
    (free-running), and the two trajectories are compared.

    `batches` may be anything that yields batches, such as a generator; `steps` is how many of them
    are taken at most, and must be given for what may never end. `next_epoch` are further batches,
    for teacher-forced steps only. They show a schedule that wrongly starts again with each epoch.
    `known` are the known differences among which a cause is looked for.

    In float64 the port may be `tolerances.TIMES_THE_TWIN` times as far from the reference as the
    reference's own twin, which begins one ulp away. In float32 both sides also run from `twins`
    such starts, and the distances between the sides are compared with those between the twins.

    `on_rung` is called with each rung's result as soon as there is one. Progress bars are shown on
    a terminal; `show_progress` shows them always or never. Raises `LadderError` for arguments that
    cannot be compared.
    """
    batches = first_batches(batches, steps)
    must_be_comparable(port, reference, batches, known, twins)
    port.must_be_a_port_of(reference)
    try:
        ongoing = _Climb(port, reference, batches, on_rung, show_progress)
        ongoing.go_up(next_epoch, twins)
    except Float32OnlyError as error:
        in_float32 = reference.in_dtype("float32")
        if in_float32 is None:
            raise
        ongoing = _Climb(port, in_float32, batches, on_rung, show_progress)
        ongoing.notes.append(
            f"{error}, so both sides computed in float32: a difference of meaning below 1e-3 of a"
            " gradient's or 1e-5 of an output's magnitude cannot be told from rounding there"
        )
        ongoing.go_up(next_epoch, twins)
    return ongoing.result(known)


class _Climb(Generic[B]):
    """One climb: its two sides, and what it has measured so far."""

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
        self._rounding_twins = reference.rounding_twins()
        start = start_of(reference)
        self._precision = precision_of(start)
        self._judge = Judge(self._precision, on_rung)
        self._free = FreeRun(port, reference, start, self._precision)
        self._envelope: Envelope | None = None
        self.notes: list[str] = []
        """What a reader of the result must know of this climb."""
        self._our_steps: list[Step] = []
        self._their_steps: list[Step] = []
        """The teacher-forced steps of the epoch, without their arrays, for the epoch metrics."""
        self._evidence: list[Forced[B]] = []
        """A few steps from the first difference on, in which a diagnosis compares candidates."""

    def go_up(self, next_epoch: Sequence[B], twins: int) -> None:
        """Judge the rungs in their order, up to the first difference."""
        if self._before_training() and self._steps(next_epoch) and self._epoch_metrics():
            self._trajectory(twins)

    @property
    def _agrees(self) -> bool:
        return self._judge.first_difference is None

    def _before_training(self) -> bool:
        """Compare the rungs before the first step; return whether the sides agree."""
        for rung in BEFORE_TRAINING:
            if rung is INITIAL_WEIGHTS:  # the shapes agree
                self._port.meet(self._reference, start_of(self._reference), self._batches[0])
            ours, theirs = rung.show(self._port), rung.show(self._reference)
            self._judge.compare(rung, None, ours, theirs, self._left_out(rung))
            self._judge.report(rung)
            if not self._agrees:
                few = islice(self._batches, LOOKED_AT)
                self._evidence = list(teacher_forced(self._reference, few))
                break
        return self._agrees

    def _steps(self, next_epoch: Sequence[B]) -> bool:
        """Compare the rungs in each step; return whether the sides agree.

        The port takes each step twice: teacher-forced from the reference's state, and free-running
        from its own. The reference needs one run for both, since its state is its own.
        """
        batches = chain(self._batches, next_epoch)  # one at a time: a list would hold the epoch
        forced_steps = teacher_forced(self._reference, batches)
        with self._bar(len(self._batches) + len(next_epoch), "steps") as bar:
            for forced in forced_steps:
                step = take_step(self._port, forced.state, forced.batch)
                self._compare_step(forced, step)
                if not self._agrees:
                    self._evidence = [forced, *islice(forced_steps, LOOKED_AT - 1)]
                    return False

                if forced.number < len(self._batches):  # not in the next epoch
                    self._free.follow(forced)
                    self._our_steps.append(_without_arrays(step))
                    self._their_steps.append(_without_arrays(forced.step))
                bar.update()
        self._judge.report(*IN_A_STEP)
        return True

    def _compare_step(self, forced: Forced[B], step: Step) -> None:
        """Compare one step on each rung, up to the first that fails; those above are not judged."""
        twin = RoundingTwin(self._rounding_twins, forced)
        for place, rung in enumerate(IN_A_STEP):
            ours = rung.show(self._port, forced, step)
            theirs = rung.show(self._reference, forced, forced.step)
            explained = partial(twin.explains, rung, step, theirs)
            left_out = self._left_out(rung)
            if self._judge.compare(rung, forced.number, ours, theirs, left_out, explained):
                self._judge.forget(*IN_A_STEP[place + 1 :])
                self._judge.report(*IN_A_STEP[: place + 1])
                return

    def _epoch_metrics(self) -> bool:
        """Compare what each side reports of the epoch; return whether the sides agree."""
        ours = EPOCH_METRICS.show(self._port, self._our_steps)
        theirs = EPOCH_METRICS.show(self._reference, self._their_steps)
        left_out = self._left_out(EPOCH_METRICS)
        self._judge.compare(EPOCH_METRICS, None, ours, theirs, left_out)
        self._judge.report(EPOCH_METRICS)
        return self._agrees

    def _left_out(self, rung: Rung) -> Mapping[str, str]:
        """Return what one of the sides cannot show on this rung, with the reasons."""
        return {**self._reference.not_compared(rung.name), **self._port.not_compared(rung.name)}

    def _trajectory(self, twins: int) -> None:
        """Judge how far apart the free-running sides are."""
        if self._precision == "float64":
            self._free.judge(self._judge)
        else:
            runs = 2 * (1 + twins)
            with self._bar(runs * len(self._batches), "one-ulp twins") as bar:
                self._envelope = measure(
                    self._port,
                    self._reference,
                    self._batches,
                    twins,
                    bar.update,
                    each_step=bool(self._rounding_twins),
                )
            judge_envelope(self._judge, self._envelope)
        self._judge.report(TRAJECTORY)

    def result(self, known: Catalogue[B] | None) -> Result:
        """Look for the causes of the first difference, and return the result of the climb."""
        first = self._judge.first_difference
        causes: tuple[Cause, ...] = ()
        is_known = known is not None
        steps = self._their_steps, self._our_steps
        if first is not None and known is None:
            found = self._port.explain(
                self._reference, first, self._evidence, len(self._batches), *steps
            )
            is_known, causes = found is not None, tuple(found or ())
        elif first is not None and known is not None:
            diagnosis = Diagnosis(
                self._port, known, self._precision, first, self._evidence, self._their_steps
            )
            causes = diagnosis.causes(show_progress=self._show_progress)
        envelope = self._envelope
        largest = {name: finite(value) for name, value in self._free.largest.items()}
        return Result(
            dtype=self._precision,
            rungs=self._judge.results,
            first_difference=None if first is None else str(first),
            causes=causes,
            notes=(*self.notes, *self._reference.notes, *self._port.notes),
            explanation=self._explanation(causes, is_known=is_known),
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
                "the single steps agree in all that was judged, so no known difference explains it;"
                " the tolerance already allows for the distance that one ulp in the initial weights"
                " leads to"
            )
        if not is_known:
            return "no known differences were given, so none was looked for"
        if not causes:
            return "no known difference explains it"
        unexplained = ["no known difference explains it"] if causes[0].is_behind else []
        return "\n".join([*unexplained, *map(str, causes)])

    def _bar(self, total: int, what: str) -> "tqdm[Any]":
        disable = None if self._show_progress is None else not self._show_progress
        return tqdm(total=total, desc=what, unit="step", leave=False, disable=disable)


def _without_arrays(step: Step) -> Step:
    """Return a step with its numbers alone, which is all that epoch metrics are made of."""
    return replace(
        step,
        gradients=None,
        clipped_gradients=None,
        statistics=None,
        state=State({}, {}, step.state.iteration),
    )
