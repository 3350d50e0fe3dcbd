"""A port with some of its values replaced by the reference's.

Behind a first difference everything differs. To see whether there is another fault, the port gets
the reference's value in that place, and goes on from there with its own computation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from parity_ladder.rungs import Forced
from parity_ladder.side import Arrays, Side, State, Step, have_same_weights
from parity_ladder.torch_side.alignment import Alignment


@dataclass(frozen=True)
class Values:
    """The reference's values for one step; None or missing for what stays the port's own."""

    outputs: Arrays
    gradients: Arrays | None
    clipped: Arrays | None
    rate: float | None
    occurrences: Arrays = field(default_factory=dict)
    """Of `gradients` that are sparse: a row for each occurrence of a token."""
    clipped_occurrences: Arrays = field(default_factory=dict)

    def replacing(self, alignment: Alignment) -> Callable[[str, Tensor], Tensor]:
        """Return a function that replaces the outputs of some operations, by the operation's key.

        The gradient still flows through the port's own operation, though not to the right places
        where its output has another shape.
        """
        by_key = {key: name for name, (key, _) in alignment.shown.items() if name in self.outputs}

        def replaced(key: str, tensor: Tensor) -> Tensor:
            if key not in by_key:
                return tensor
            name = by_key[key]
            axes = alignment.shown[name][1]
            theirs: NDArray[Any] = self.outputs[name]
            same = theirs.size == tensor.numel()
            if not same and theirs.ndim != tensor.ndim:
                return tensor
            shape = tuple(tensor.shape) if same else axes.ports_shape(theirs.shape)
            values = np.ascontiguousarray(axes.to_port(theirs, shape))
            there = torch.from_numpy(values).to(tensor.device, tensor.dtype)
            if same:
                return tensor + (there - tensor).detach()
            return there + (tensor - tensor.detach()).sum()

        return replaced


@dataclass(frozen=True)
class Given:
    """Where the port gets the reference's values."""

    reference: Side[Any]
    taken: Sequence[Forced[Any]] = field(default=(), compare=False, repr=False)
    """Steps that this reference has taken already."""
    layers: frozenset[str] = frozenset()
    """The names of layers whose outputs are given."""
    gradients: bool = False
    clipped: bool = False
    rate: bool = False
    memory: list["_Known"] = field(default_factory=list, compare=False, repr=False)
    """What the reference showed of the steps so far."""

    def values(self, state: State, batch: Any) -> Values:
        """Return the reference's values of one step."""
        known = self._known(state, batch)
        outputs = {name: known.outputs[name] for name in self.layers if name in known.outputs}
        if not (self.gradients or self.rate):
            return Values(outputs, None, None, None)
        return Values(
            outputs,
            known.step.gradients if self.gradients else None,
            known.step.clipped_gradients if self.clipped else None,
            known.step.learning_rate if self.rate else None,
            *known.occurrences,
        )

    def rate_before(self, state: State) -> float | None:
        """Return the rate that was given in the update before this state; None for the own."""
        if not self.rate:
            return None
        steps = (k.step for k in self.memory if k.state.iteration == state.iteration - 1)
        return next((step.learning_rate for step in steps), None)

    def _known(self, state: State, batch: Any) -> "_Known":
        """Return all that the reference shows of a step; it is computed once."""
        dropout = getattr(self.reference, "dropout", None)  # off in a step that is only tried
        for known in self.memory:
            is_same = known.batch is batch and known.dropout == dropout
            if is_same and have_same_weights(known.state, state):
                return known
        show = getattr(self.reference, "occurrences", None)
        known = _Known(
            state,
            batch,
            dropout,
            self.reference.layer_outputs(state, batch) or {},
            self._step(state, batch),
            ({}, {}) if show is None else show(state, batch),
        )
        self.memory.append(known)
        return known

    def _step(self, state: State, batch: Any) -> Step:
        for taken in self.taken:
            if taken.batch is batch and have_same_weights(taken.state, state):
                return taken.step
        return self.reference.step(state, batch)


@dataclass(frozen=True)
class _Known:
    """What the reference shows of one step."""

    state: State
    batch: Any
    dropout: str | None
    outputs: Arrays
    step: Step
    occurrences: tuple[Any, Any]
