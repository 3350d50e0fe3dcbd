"""The rungs: what is compared, in which order, and which difference rounding alone explains.

A rung only says what it looks at. Its outcome in a climb is a `result.RungResult`.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, ParamSpec

import numpy as np

from parity_ladder import tolerances
from parity_ladder.comparison import Difference, differences, shape_differences
from parity_ladder.errors import LadderError
from parity_ladder.side import Arrays, B, Side, State, Step, kept_by_the_optimizer, take_step
from parity_ladder.tolerances import EXACT, Tolerance
from parity_ladder.twins import start_of

Shown = Mapping[str, Any]
"""Arrays by name, or shapes by name."""
P = ParamSpec("P")


class Forced(NamedTuple, Generic[B]):
    """One step of the reference's run. The port takes it from the same state (teacher-forced)."""

    number: int
    """The number of updates made before."""
    state: State
    batch: B
    step: Step
    """What the reference made of it."""


@dataclass(frozen=True)
class Rung:
    """One thing that is compared."""

    name: str
    when: str
    """When in the training it is compared."""
    looks_at: str
    """A sentence for the reader of a result."""
    optional: bool = field(default=False, kw_only=True)
    """Whether a result leaves it out where neither side has such a thing."""
    part_of: str = field(default="", kw_only=True)
    """The rung on which it is compared as a part, if a side does not show it by itself."""


@dataclass(frozen=True)
class LookingRung(Rung, Generic[P]):
    """A rung that compares what both sides show, before training, in a step or after the epoch."""

    tolerance: Tolerance
    show: Callable[P, Shown | None]
    """Returns what a side shows there; None if it does not show it."""
    differences: Callable[[Any, Any], Iterator[tuple[str, Difference]]] = differences


def _one(name: str, value: float | None) -> Arrays | None:
    """Return a number as an array, so that all rungs compare arrays."""
    return None if value is None else {name: np.array(float(value))}


def _batches(side: Side[Any]) -> Shown | None:
    epochs = side.batches()
    if epochs is None:
        return None
    sizes = {
        f"batch sizes of epoch {number}": np.array([len(batch) for batch in batches])
        for number, batches in enumerate(epochs)
    }
    samples = {
        f"samples of epoch {number}": np.concatenate(batches) if len(batches) else np.array([])
        for number, batches in enumerate(epochs)
    }
    return sizes | samples


def _initial_weights(side: Side[Any]) -> Shown | None:
    state = side.initial_state()
    return None if state is None else state.weights


def _layer_outputs(side: Side[B], forced: Forced[B], step: Step) -> Shown | None:  # noqa: ARG001
    return side.layer_outputs(forced.state, forced.batch)


def _from_the_output_back(gradients: Arrays | None) -> Arrays | None:
    """Return the gradients in the order in which they are computed: the last layer's first."""
    return None if gradients is None else dict(reversed(list(gradients.items())))


def _epoch_metrics(side: Side[Any], steps: Sequence[Step]) -> Shown | None:
    metrics = side.epoch_metrics(steps)
    return None if metrics is None else {n: np.array(float(value)) for n, value in metrics.items()}


_BEFORE = "before the first step"
INITIAL_WEIGHTS: LookingRung[[Side[Any]]] = LookingRung(
    "initial weights",
    _BEFORE,
    "The weights that each side begins with.",
    EXACT,
    _initial_weights,
)
BEFORE_TRAINING: tuple[LookingRung[[Side[Any]]], ...] = (
    LookingRung(
        "data",
        _BEFORE,
        "The samples and labels that each side trains on.",
        EXACT,
        lambda side: side.data(),
    ),
    LookingRung(
        "batches",
        _BEFORE,
        "The sizes of the batches and the samples in them, epoch by epoch.",
        EXACT,
        _batches,
    ),
    LookingRung(
        "parameter counts and shapes",
        _BEFORE,
        "The shape of each variable of the side's own network.",
        EXACT,
        lambda side: side.variable_shapes(),
        shape_differences,
    ),
    INITIAL_WEIGHTS,
    LookingRung(
        "initial optimizer state",
        _BEFORE,
        "What the optimizer keeps before its first update, such as zeros for a momentum.",
        tolerances.CONSTANTS,
        lambda side: side.optimizer_before_training(),
    ),
)

_IN = "in each step"
IN_A_STEP: tuple[LookingRung[[Side[Any], Forced[Any], Step]], ...] = (
    LookingRung(
        "layer outputs",
        _IN,
        "Each layer's output, after its activation.",
        tolerances.LAYER_OUTPUTS,
        _layer_outputs,
    ),
    LookingRung(
        "statistics",
        _IN,
        "What layers keep besides trained weights, such as BatchNorm's moving mean.",
        tolerances.STATISTICS,
        lambda side, forced, step: step.statistics,  # noqa: ARG005
        optional=True,
    ),
    LookingRung(
        "data loss",
        _IN,
        "The batch's loss without the penalty.",
        tolerances.DATA_LOSS,
        lambda side, forced, step: _one("data loss", step.data_loss),  # noqa: ARG005
        part_of="loss",
    ),
    LookingRung(
        "penalty",
        _IN,
        "The part of the loss that the regularizers add.",
        tolerances.PENALTY,
        lambda side, forced, step: _one("penalty", step.penalty),  # noqa: ARG005
        part_of="loss",
    ),
    LookingRung(
        "loss",
        _IN,
        "The batch's whole loss, penalties included.",
        tolerances.DATA_LOSS,
        lambda side, forced, step: _one("loss", step.loss),  # noqa: ARG005
        optional=True,
    ),
    LookingRung(
        "gradients",
        _IN,
        "The gradient of data loss plus penalty for each variable.",
        tolerances.GRADIENTS,
        lambda side, forced, step: _from_the_output_back(step.gradients),  # noqa: ARG005
    ),
    LookingRung(
        "clipped gradients",
        _IN,
        "The gradients as the optimizer's equation gets them, after any clipping.",
        tolerances.GRADIENTS,
        lambda side, forced, step: _from_the_output_back(step.clipped_gradients),  # noqa: ARG005
        optional=True,
    ),
    LookingRung(
        "learning rate",
        _IN,
        "The learning rate of the update.",
        EXACT,
        lambda side, forced, step: _one("learning rate", step.learning_rate),  # noqa: ARG005
    ),
    LookingRung(
        "optimizer state",
        _IN,
        "What the optimizer keeps after the update.",
        tolerances.OPTIMIZER_STATE,
        lambda side, forced, step: kept_by_the_optimizer(step.state),  # noqa: ARG005
    ),
    LookingRung(
        "updated weights",
        _IN,
        "The weights after the update.",
        tolerances.UPDATED_WEIGHTS,
        lambda side, forced, step: step.state.weights,  # noqa: ARG005
    ),
)

EPOCH_METRICS: LookingRung[[Side[Any], Sequence[Step]]] = LookingRung(
    "epoch metrics",
    "after the epoch",
    "What is reported of the epoch, such as its loss and its accuracy.",
    tolerances.EPOCH_METRICS,
    _epoch_metrics,
)

TRAJECTORY = Rung(
    "trajectory",
    "after the epoch",
    "How far apart the two sides are when each goes on from its own state (free-running).",
)

RUNGS: tuple[Rung, ...] = (*BEFORE_TRAINING, *IN_A_STEP, EPOCH_METRICS, TRAJECTORY)


def teacher_forced(reference: Side[B], batches: Iterable[B]) -> "Iterator[Forced[B]]":
    """Yield the steps of the reference's run over these batches, from its initial state.

    Raises `LadderError` where its loss is not finite: nothing can be compared with that.
    """
    state = start_of(reference)
    for number, batch in enumerate(batches):
        step = take_step(reference, state, batch)
        losses = step.loss, step.data_loss, step.penalty
        if bad := [loss for loss in losses if loss is not None and not math.isfinite(loss)]:
            raise LadderError(
                f"the loss of the reference is {bad[0]} in step {number}, with which nothing can be"
                " compared; accepted: batches and a model with a finite loss"
            )
        yield Forced(number, state, batch, step)
        state = step.state
