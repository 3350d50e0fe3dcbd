"""The rungs: what is compared, in which order, and how far apart rounding alone may bring it.

A rung only says what it looks at. What a climb found on it is a `result.RungResult`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, ParamSpec

import numpy as np

from parity_ladder import tolerances
from parity_ladder.comparison import Difference, differences, shape_differences
from parity_ladder.side import Arrays, B, Side, State, Step
from parity_ladder.tolerances import EXACT, Tolerance
from parity_ladder.twins import start_of

Shown = Mapping[str, Any]
"""Arrays by name, or shapes by name."""
P = ParamSpec("P")


class Forced(NamedTuple, Generic[B]):
    """One step of the reference's run, which the port is made to take from the same state.

    In the field's word the port is teacher-forced: its own errors do not add up from step to step.
    """

    number: int
    """Count of updates made before."""
    state: State
    batch: B
    step: Step
    """As the reference took it."""


@dataclass(frozen=True)
class Rung:
    """One thing that is compared."""

    name: str
    when: str
    """At which point of the training it is looked at."""
    looks_at: str
    """A sentence for a person who meets the rung in a result."""


@dataclass(frozen=True)
class LookingRung(Rung, Generic[P]):
    """A rung that compares what both sides show at one point."""

    tolerance: Tolerance
    show: Callable[P, Shown | None]
    """What a side shows there; None where the side does not show it."""
    differences: Callable[[Any, Any], Iterator[tuple[str, Difference]]] = differences


def _one(name: str, value: float | None) -> Arrays | None:
    return None if value is None else {name: np.array(value)}


def _batches(side: Side[Any]) -> Shown | None:
    epochs = side.batches()
    if epochs is None:
        return None
    sizes = {
        f"batch sizes of epoch {number}": np.array([len(batch) for batch in batches])
        for number, batches in enumerate(epochs)
    }
    samples = {
        f"samples of epoch {number}": np.concatenate(batches)
        for number, batches in enumerate(epochs)
    }
    return sizes | samples


def _initial_weights(side: Side[Any]) -> Shown | None:
    state = side.initial_state()
    return None if state is None else state.weights


def _initial_optimizer_state(side: Side[Any]) -> Shown | None:
    state = side.initial_state()
    return None if state is None else _kept(state)


def _kept(state: State) -> Arrays:
    """Return what the optimizer keeps, its count of updates included."""
    return {**state.optimizer, "iteration": np.array(state.iteration)}


def _layer_outputs(side: Side[B], forced: Forced[B], step: Step) -> Shown | None:  # noqa: ARG001
    return side.layer_outputs(forced.state, forced.batch)


def _from_the_output_back(gradients: Arrays | None) -> Arrays | None:
    """Return the gradients in the order in which they are computed: the last layer's first."""
    return None if gradients is None else dict(reversed(list(gradients.items())))


def _epoch_metrics(side: Side[Any], steps: Sequence[Step]) -> Shown | None:
    metrics = side.epoch_metrics(steps)
    return None if metrics is None else {n: np.array(value) for n, value in metrics.items()}


_BEFORE = "before the first step"
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
    LookingRung(
        "initial weights",
        _BEFORE,
        "The weights that each side begins with.",
        EXACT,
        _initial_weights,
    ),
    LookingRung(
        "initial optimizer state",
        _BEFORE,
        "What the optimizer keeps before its first update.",
        EXACT,
        _initial_optimizer_state,
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
        "data loss",
        _IN,
        "The batch's loss without the penalty.",
        tolerances.DATA_LOSS,
        lambda side, forced, step: _one("data loss", step.data_loss),  # noqa: ARG005
    ),
    LookingRung(
        "penalty",
        _IN,
        "The regularizers' part of the loss.",
        tolerances.PENALTY,
        lambda side, forced, step: _one("penalty", step.penalty),  # noqa: ARG005
    ),
    LookingRung(
        "gradients",
        _IN,
        "The gradient of loss and penalty by each variable.",
        tolerances.GRADIENTS,
        lambda side, forced, step: _from_the_output_back(step.gradients),  # noqa: ARG005
    ),
    LookingRung(
        "learning rate",
        _IN,
        "The rate that the update is made with.",
        EXACT,
        lambda side, forced, step: _one("learning rate", step.learning_rate),  # noqa: ARG005
    ),
    LookingRung(
        "optimizer state",
        _IN,
        "What the optimizer keeps after the update.",
        tolerances.OPTIMIZER_STATE,
        lambda side, forced, step: _kept(step.state),  # noqa: ARG005
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
    "What the epoch is reported as, such as its loss and its accuracy.",
    tolerances.EPOCH_METRICS,
    _epoch_metrics,
)

TRAJECTORY = Rung(
    "trajectory",
    "after the epoch",
    "How far the two sides part when each goes its own way from the same start.",
)

RUNGS: tuple[Rung, ...] = (*BEFORE_TRAINING, *IN_A_STEP, EPOCH_METRICS, TRAJECTORY)


def names_from(name: str) -> tuple[str, ...]:
    """Return the names of this rung and of those above it."""
    names = tuple(rung.name for rung in RUNGS)
    return names[names.index(name) :]


def teacher_forced(reference: Side[B], batches: Sequence[B]) -> "Iterator[Forced[B]]":
    """Yield the steps of the reference's run over these batches, from its own start."""
    state = start_of(reference)
    for number, batch in enumerate(batches):
        step = reference.step(state, batch)
        yield Forced(number, state, batch, step)
        state = step.state
