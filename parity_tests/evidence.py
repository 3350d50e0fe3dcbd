"""What each rung looks at: named arrays that an implementation shows before, in or after steps."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from parity_tests.comparison import Difference, compare
from parity_tests.implementation import Implementation, State, Step
from parity_tests.tolerances import RUNGS

Tensors = Mapping[str, NDArray[Any]]

BEFORE_TRAINING = RUNGS[: RUNGS.index("layer outputs")]
OF_A_STEP = RUNGS[RUNGS.index("layer outputs") : RUNGS.index("epoch metrics")]


class Forced(NamedTuple):
    """One step of the reference's run, which a port is made to take from the same state."""

    number: int
    """Count of updates made before."""
    state: State
    images_nhwc: NDArray[Any]
    labels: NDArray[np.int64]
    step: Step

    def taken_by(self, implementation: Implementation) -> Step:
        """The same step, as `implementation` takes it."""
        return implementation.step(self.state, self.images_nhwc, self.labels)


def teacher_forced(reference: Implementation) -> Iterator[Forced]:
    """The steps of the reference's first epoch, and the first of the next, if there is one.

    There a schedule or an order that begins anew with each epoch would show.
    """
    digits = reference.digits()
    state = reference.initial_state()
    further = reference.batches(1)[:1] if reference.experiment.epochs > 1 else []
    for index, batch in enumerate([*reference.batches(0), *further]):
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
            # Of the arrays, all but their shapes is taken away.
            return {n: np.broadcast_to(np.int8(0), array.shape) for n, array in weights.items()}
        case "optimizer state":
            return _slots(implementation.initial_state())
        case _:
            raise ValueError(f"rung = {rung!r} shows nothing before the first step")


def of_step(implementation: Implementation, forced: Forced, step: Step, rung: str) -> Tensors:
    """What `rung` looks at in `step`, which is `forced` as taken by `implementation`."""
    match rung:
        case "layer outputs":
            return implementation.layer_outputs(forced.state, forced.images_nhwc)
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
        case "updated weights":
            return step.state.weights
        case _:
            raise ValueError(f"rung = {rung!r} shows nothing in a single step")


def of_epoch(implementation: Implementation, steps: Sequence[Step]) -> Tensors:
    """What an epoch of these steps is reported as."""
    reported = implementation.report(steps)
    return {name: np.array(value) for name, value in reported._asdict().items()}


def differences(ours: Tensors, theirs: Tensors) -> Iterator[tuple[str, Difference]]:
    """Each tensor's difference, in the reference's order; a missing one is infinitely far."""
    for name in dict.fromkeys([*theirs, *ours]):
        if name not in ours or name not in theirs:
            side = "ours" if name not in ours else "theirs"
            yield name, Difference(math.inf, math.inf, f" is missing in {side}")
        else:
            yield name, compare(ours[name], theirs[name])


def _sizes(batches: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.array([len(batch) for batch in batches])


def _slots(state: State) -> Tensors:
    return {**state.optimizer, "iteration": np.array(state.iteration)}
