"""A side of the comparison, the port or the reference, and what it shows of its training.

A side must show the shapes of its variables and its training step. To show more, override further
methods. What a side does not show is not judged, and the result says so.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from parity_ladder.errors import LadderError
from parity_ladder.tolerances import Precision

Arrays = Mapping[str, NDArray[Any]]
"""Named arrays. Both sides use the same names and the same layout of axes."""
Shapes = Mapping[str, tuple[int, ...]]
B = TypeVar("B")
"""The type of a batch: anything that the `step` of both sides accepts."""


@dataclass(frozen=True)
class State:
    """Everything that the next training step depends on, apart from the batch."""

    weights: Arrays
    optimizer: Arrays
    """What the optimizer keeps between steps, with names such as `velocity/conv2d_1/kernel`."""
    iteration: int = 0
    """The number of updates made so far."""


@dataclass(frozen=True)
class Step:
    """One training step. Everything but `state` is computed with the weights before the update.

    None stands for a value that the side does not show.
    """

    state: State
    """The state after the update."""
    data_loss: float | None = None
    """The loss of the batch without the penalty."""
    penalty: float | None = None
    """The part of the loss that the regularizers add."""
    gradients: Arrays | None = None
    """The gradients of data loss plus penalty, by the name of the variable."""
    learning_rate: float | None = None
    """The learning rate of this update."""
    loss: float | None = None
    """The whole loss, data loss plus penalty, of a side that does not show them separately."""
    statistics: Arrays | None = None
    """What layers keep besides trained weights, such as BatchNorm's moving mean, after the step."""
    clipped_gradients: Arrays | None = None
    """The gradients as the optimizer's equation gets them; None if nothing clips them."""
    returned: Any = None
    """What the side itself wants to have again in `epoch_metrics`; nobody else reads it."""
    hits: int | None = None
    """The number of samples that were classified correctly."""
    size: int | None = None
    """The number of samples in the batch."""


@dataclass(frozen=True)
class Update:
    """What an optimizer makes of given gradients."""

    after: State
    moved: State
    """The same from weights and gradients that are one ulp away."""


class Side(ABC, Generic[B]):
    """The port or the reference: a subclass that implements `variable_shapes` and `step`."""

    @abstractmethod
    def variable_shapes(self) -> Shapes:
        """Return the shape of each variable of the side's own network, as it was built.

        Read the shapes from the network before any weights are loaded into it. A `step` that
        replaces the network's weights by those of its `state` would hide a network of wrong size.
        """

    @abstractmethod
    def step(self, state: State, batch: B) -> Step:
        """Make one update from `state` with one batch. Nothing may be kept from call to call."""

    def data(self) -> Arrays | None:
        """Return the samples and labels that the side trains on."""
        return None

    def batches(self) -> Sequence[Sequence[NDArray[Any]]] | None:
        """Return, for each epoch, the indices of the samples in each of its batches."""
        return None

    def initial_state(self) -> State | None:
        """Return the side's own state before the first step, the same at each call.

        A reference must have one.
        """
        return None

    def optimizer_before_training(self) -> Arrays | None:
        """Return what the optimizer keeps before the first update, with its count of updates."""
        state = self.initial_state()
        return None if state is None else kept_by_the_optimizer(state)

    def layer_outputs(self, state: State, batch: B) -> Arrays | None:  # noqa: ARG002
        """Return each layer's output by the layer's name, after its activation."""
        return None

    def epoch_metrics(self, steps: Sequence[Step]) -> Mapping[str, float] | None:  # noqa: ARG002
        """Return what is reported of an epoch that consists of these steps, such as its loss."""
        return None

    def not_compared(self, rung: str) -> Mapping[str, str]:  # noqa: ARG002
        """Return the arrays that cannot be compared on this rung, each with the reason.

        They are left out on both sides, and the result lists them.
        """
        return {}

    def rounding_twins(self) -> "Sequence[Side[B]]":
        """Return this side with other rounding: what they get from one ulp away is rounding alone.

        Empty if differences are to be judged by the fixed tolerances alone.
        """
        return ()

    def free_running_twin(self) -> "Side[B] | None":
        """Return the twin whose own way from one ulp away a trajectory is compared with."""
        return next(iter(self.rounding_twins()), None)

    def updates_with(self, state: State, batch: B, step: Step) -> "Sequence[Update]":  # noqa: ARG002
        """Return what the optimizer of this side makes of the gradients and rate of another's step.

        There is one for each rounding of its constants that a sound port may have; none if this
        side cannot tell.
        """
        return ()

    def without_dropout(self) -> "Side[B] | None":
        """Return this side with dropout turned off; None if it has none."""
        return None

    def in_dtype(self, dtype: Precision) -> "Side[B] | None":  # noqa: ARG002
        """Return this side in another dtype; None if it has only one."""
        return None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the result must know about this side."""
        return ()

    def explain(
        self,
        reference: "Side[B]",  # noqa: ARG002
        first: Any,  # noqa: ARG002
        evidence: Sequence[Any],  # noqa: ARG002
        steps_per_epoch: int,  # noqa: ARG002
        their_steps: Sequence[Step],  # noqa: ARG002
        our_steps: Sequence[Step],  # noqa: ARG002
    ) -> "Sequence[Any] | None":
        """Return the causes of a first difference; None if this side knows of none at all."""
        return None

    def must_be_a_port_of(self, reference: "Side[B]") -> None:
        """Raise `LadderError` if this port was made for another reference."""

    def meet(self, other: "Side[B]", state: State, batch: B) -> None:
        """Learn, before the first step, which of its values a side can show to the other side."""


def have_same_weights(one: State, other: State) -> bool:
    """Return whether two states have the same weights after as many updates."""
    return one.iteration == other.iteration and all(
        np.array_equal(array, other.weights[name]) for name, array in one.weights.items()
    )


def kept_by_the_optimizer(state: State) -> Arrays:
    """Return what the optimizer keeps, including its count of updates."""
    return {**state.optimizer, "iteration": np.array(state.iteration)}


def take_step(side: Side[B], state: State, batch: B) -> Step:
    """Return the side's step from a copy of `state`.

    A side that writes into the arrays that it is given would otherwise change the other side's
    state, and then both would be compared in the same, changed arrays.
    """
    weights, optimizer = (
        {name: np.array(array) for name, array in arrays.items()}
        for arrays in (state.weights, state.optimizer)
    )
    step: object = side.step(replace(state, weights=weights, optimizer=optimizer), batch)
    if not isinstance(step, Step):
        raise LadderError(
            f"step() of {type(side).__name__} returned {type(step).__name__}; accepted: a Step"
        )
    return step
