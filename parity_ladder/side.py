"""A side of the comparison, the port or the reference, and what it shows of a training step.

A side has to show the shapes of its variables and its training step. Everything else is shown by
overriding a method; what a side does not show is not judged, and the result says so.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
"""Named arrays. Both sides use the same names and the same layout of axes."""
Shapes = Mapping[str, tuple[int, ...]]
B = TypeVar("B")
"""A batch: whatever the `step` of both sides takes."""


@dataclass(frozen=True)
class State:
    """Everything that the next step depends on."""

    weights: Arrays
    optimizer: Arrays
    """What the optimizer keeps, as `velocity/conv2d_1/kernel`."""
    iteration: int = 0
    """Count of updates made so far."""


@dataclass(frozen=True)
class Step:
    """One training step. All but `state` belongs to the weights before the update.

    None stands for what a side does not show.
    """

    state: State
    """After the update."""
    data_loss: float | None = None
    """The batch's loss without the penalty."""
    penalty: float | None = None
    """The regularizers' part of the loss."""
    gradients: Arrays | None = None
    """Of the data loss and the penalty together, by the name of the variable."""
    learning_rate: float | None = None
    hits: int | None = None
    """Count of samples that were classified rightly."""
    size: int | None = None
    """Count of samples in the batch."""


class Side(ABC, Generic[B]):
    """The port or the reference. Derive from it and write `variable_shapes` and `step`."""

    @abstractmethod
    def variable_shapes(self) -> Shapes:
        """Return the shape of each variable of the side's own network, as it was built.

        Take them from the network itself, before any weights are loaded into it: a `step` that
        replaces the network's weights by those of its `state` would hide a wrong size.
        """

    @abstractmethod
    def step(self, state: State, batch: B) -> Step:
        """Take `state` and one batch, and make one update. Keep nothing from call to call."""

    def data(self) -> Arrays | None:
        """Return the samples and labels that the side trains on."""
        return None

    def batches(self) -> Sequence[Sequence[NDArray[Any]]] | None:
        """Return the samples' indices, epoch by epoch and batch by batch."""
        return None

    def initial_state(self) -> State | None:
        """Return the state before the first step, as the side itself begins."""
        return None

    def layer_outputs(self, state: State, batch: B) -> Arrays | None:  # noqa: ARG002
        """Return each layer's output by the layer's name, after its activation."""
        return None

    def epoch_metrics(self, steps: Sequence[Step]) -> Mapping[str, float] | None:  # noqa: ARG002
        """Return what an epoch of these steps is reported as."""
        return None
