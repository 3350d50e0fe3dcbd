"""The ladder: two implementations compared rung by rung until the first difference."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnn_experiment import Experiment
from parity_tests import tolerances
from parity_tests.comparison import Difference, compare
from parity_tests.envelope import Envelope
from parity_tests.implementation import Implementation, State, Step

Tensors = Mapping[str, NDArray[Any]]
BEFORE_TRAINING = tolerances.RUNGS[:4]


class FirstDifference(NamedTuple):
    """Where two implementations part."""

    rung: str
    step: int | None
    """Count of updates made before; None for what stands before the first step."""
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


class Forced(NamedTuple):
    """One step of the reference's run, which a port is made to take from the same state."""

    number: int
    state: State
    images_nhwc: NDArray[Any]
    labels: NDArray[np.int64]
    step: Step


def short_epoch(experiment: Experiment, steps: int) -> Experiment:
    """Return the experiment with `steps` batches an epoch, the last one half as long."""
    size = experiment.batch_size
    images = min((steps - 1) * size + (size + 1) // 2, 60_000)
    return experiment.with_changes(data=experiment.data.with_changes(train_images=images))


def teacher_forced(reference: Implementation) -> Iterator[Forced]:
    """The steps of the reference's first epoch."""
    digits = reference.digits()
    state = reference.initial_state()
    for index, batch in enumerate(reference.batches(0)):
        images, labels = digits.train_images_nhwc[batch], digits.train_labels[batch]
        step = reference.step(state, images, labels)
        yield Forced(index, state, images, labels, step)
        state = step.state


def before_training(implementation: Implementation, rung: str) -> Tensors:
    """What `rung` looks at before the first step."""
    match rung:
        case "data":
            return dict(vars(implementation.digits()))
        case "batches":
            epochs = range(implementation.experiment.epochs)
            dealt = {epoch: implementation.batches(epoch) for epoch in epochs}
            sizes = {f"batch sizes of epoch {e}": _sizes(batches) for e, batches in dealt.items()}
            return sizes | {f"images of epoch {e}": np.concatenate(b) for e, b in dealt.items()}
        case "initial weights":
            return implementation.initial_state().weights
        case "parameter counts and shapes":
            weights = implementation.initial_state().weights
            return {name: np.array(array.shape) for name, array in weights.items()}
        case _:
            return _slots(implementation.initial_state())


def of_step(step: Step, rung: str) -> Tensors:
    """What `rung` looks at in one step."""
    match rung:
        case "layer outputs":
            return step.layer_outputs
        case "data loss":
            return {"data loss": np.array(step.data_loss)}
        case "penalty":
            return {"penalty": np.array(step.penalty)}
        case "gradients":
            return dict(reversed(list(step.gradients.items())))  # from the output back
        case "learning rate":
            return {"learning rate": np.array(step.learning_rate)}
        case "optimizer state":
            return _slots(step.state)
        case _:
            return step.state.weights


STEP_RUNGS = tolerances.RUNGS[4:11]


def _sizes(batches: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.array([len(batch) for batch in batches])


def _slots(state: State) -> Tensors:
    named = {"velocity": state.velocity, "momentum": state.momentum}
    slots = {f"{slot} of {n}": a for slot, arrays in named.items() for n, a in arrays.items()}
    return slots | {"iteration": np.array(state.iteration)}


def differences(ours: Tensors, theirs: Tensors) -> Iterator[tuple[str, Difference]]:
    """Each tensor's difference, in the reference's order; a missing one is infinitely far."""
    for name in dict.fromkeys([*theirs, *ours]):
        if name not in ours or name not in theirs:
            side = "ours" if name not in ours else "theirs"
            yield name, Difference(math.inf, math.inf, f" is missing in {side}")
        else:
            yield name, compare(ours[name], theirs[name])


@dataclass
class Ladder:
    """Compares a port with a reference; `climb` goes up to the first difference."""

    port: Implementation
    reference: Implementation
    rungs: dict[str, Rung] = field(init=False)
    first_difference: FirstDifference | None = None
    loss_max_difference: float = 0.0
    weight_max_difference: float = 0.0

    def __post_init__(self) -> None:
        dtype = self.reference.experiment.dtype
        self.rungs = {
            name: Rung(name, tolerances.of_one_step(name, dtype)) for name in tolerances.RUNGS
        }

    def climb(
        self,
        forced: Iterable[Forced],
        on_rung: Callable[[Rung], None] = lambda _: None,
    ) -> FirstDifference | None:
        """Go up to the first difference and return it; `forced` is the reference's first epoch.

        The reference's run is also its free-running trajectory, so the port takes each step twice:
        from the reference's state, and from its own.
        """
        for name in (*BEFORE_TRAINING, "optimizer state"):
            ours = before_training(self.port, name)
            theirs = before_training(self.reference, name)
            if name == "initial weights":  # shapes are the next rung's
                ours = {n: a for n, a in ours.items() if a.shape == theirs[n].shape}
                theirs = {n: theirs[n] for n in ours}
            found = self.look(name, None, ours, theirs)
            if name in BEFORE_TRAINING or found:
                on_rung(self.rungs[name])
            if found:
                return self.first_difference
        our_steps, their_steps = [], []
        own_state = self.port.initial_state()
        for number, state, images, labels, step in forced:
            our_step = self.port.step(state, images, labels)
            for name in STEP_RUNGS:
                if name == "layer outputs" and not our_step.layer_outputs:
                    continue  # the port does not show them: the rung stays unjudged
                if self.look(name, number, of_step(our_step, name), of_step(step, name)):
                    on_rung(self.rungs[name])
                    return self.first_difference
            own_step = self.port.step(own_state, images, labels)
            own_state = own_step.state
            self._follow(own_step, step)
            our_steps.append(without_tensors(our_step))
            their_steps.append(without_tensors(step))
        for name in STEP_RUNGS:
            on_rung(self.rungs[name])
        ours, theirs = (
            {name: np.array(value) for name, value in metrics._asdict().items()}
            for metrics in (self.port.report(our_steps), self.reference.report(their_steps))
        )
        self.look("epoch metrics", None, ours, theirs)
        on_rung(self.rungs["epoch metrics"])
        if self.reference.experiment.dtype == "float64" and self.first_difference is None:
            self._judge_trajectory(len(our_steps))
            on_rung(self.rungs["trajectory"])
        return self.first_difference

    def _follow(self, ours: Step, theirs: Step) -> None:
        """Take one step of the free-running trajectories into the largest differences."""
        loss = abs(ours.data_loss + ours.penalty - theirs.data_loss - theirs.penalty)
        self.loss_max_difference = max(self.loss_max_difference, loss)
        for _, difference in differences(ours.state.weights, theirs.state.weights):
            self.weight_max_difference = max(self.weight_max_difference, difference.absolute)

    def _judge_trajectory(self, steps: int) -> None:
        rung = self.rungs["trajectory"]
        largest = {"loss": self.loss_max_difference, "weight": self.weight_max_difference}
        allowed = {
            "loss": tolerances.of_trajectory(tolerances.TRAJECTORY_LOSS, steps),
            "weight": tolerances.of_trajectory(tolerances.TRAJECTORY_WEIGHT, steps),
        }
        worst = max(largest, key=lambda name: largest[name] / allowed[name])
        rung.worst, rung.tolerance = largest[worst], allowed[worst]
        rung.passed = rung.worst <= rung.tolerance
        rung.where = f"largest absolute difference of a {worst} in {steps} free-running steps"
        if not rung.passed:
            apart = Difference(rung.worst, rung.worst, f" is {rung.worst:.2g} apart")
            self.first_difference = FirstDifference("trajectory", None, f"a {worst}", apart)

    def judge_envelope(self, envelope: Envelope) -> None:
        """Take the float32 trajectories' distances into the last rung."""
        rung = self.rungs["trajectory"]
        rung.worst, rung.tolerance = float(envelope.excess(envelope.cross)), envelope.limit
        rung.passed = envelope.passed
        rung.where = "largest log ratio of the distance to that of one-ulp twins"
        if not rung.passed:
            apart = Difference(rung.worst, rung.worst, " leaves the envelope of one-ulp twins")
            self.first_difference = FirstDifference("trajectory", None, "the port", apart)

    def look(self, name: str, step: int | None, ours: Tensors, theirs: Tensors) -> bool:
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
    empty = State({}, {}, {}, step.state.iteration)
    return Step(
        {}, step.data_loss, step.penalty, {}, step.learning_rate, empty, step.hits, step.size
    )
