"""How far apart two free-running sides are, and how far apart twins are, step by step."""

from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from parity_ladder.frozen import Frozen, NotNegative, finite
from parity_ladder.tolerances import ENVELOPE_EXCESS
from parity_ladder.twins import Envelope, Range

Column = tuple[NotNegative | None, ...]
"""Distances or differences, one for each step; None where a side was not finite or showed none."""
Steps = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]
"""The numbers of updates made."""


class FreeRunning(Frozen):
    """The absolute differences between the two free-running sides after each step."""

    steps: Steps
    loss: Column
    weight: Column
    """The difference of the weight that differs most."""
    loss_tolerance: NotNegative | None
    """By the reference's twin, in float64; None in float32, or if the climb ended earlier."""
    weight_tolerance: NotNegative | None

    @model_validator(mode="after")
    def _is_a_table(self) -> Self:
        _must_be_as_long(self.steps, {"loss": self.loss, "weight": self.weight})
        return self


class Distances(Frozen):
    """Euclidean distances of all weights between the runs of a group, at each snapshot."""

    lowest: Column
    mean: Column
    """The geometric mean."""
    highest: Column

    @classmethod
    def of(cls, mean: NDArray[np.float64], ends: Range) -> Self:
        """Make the distances from their logarithms."""
        lowest, middle, highest = (
            tuple(finite(value) for value in np.exp(logs).tolist())
            for logs in (ends.lowest, mean, ends.highest)
        )
        return cls(lowest=lowest, mean=middle, highest=highest)


class TwinDistances(Frozen):
    """Distances between float32 runs whose initial weights are one ulp apart, by snapshot."""

    steps: Steps
    port: Distances
    reference: Distances
    across: Distances
    """Between the runs of one side and those of the other."""
    excess: dict[str, float | None]
    """By phase, how many times as far apart the sides are as their twins, as a logarithm."""
    excess_tolerance: dict[str, float]

    @model_validator(mode="after")
    def _is_a_table(self) -> Self:
        for name in ("port", "reference", "across"):
            group: Distances = getattr(self, name)
            columns = {f"{name}.{field}": getattr(group, field) for field in Distances.model_fields}
            _must_be_as_long(self.steps, columns)
        return self

    @classmethod
    def of(cls, envelope: Envelope) -> Self:
        """Make the value from what was measured, and add the tolerances."""
        return cls(
            steps=tuple(envelope.steps.tolist()),
            port=Distances.of(envelope.ours, envelope.ours_range),
            reference=Distances.of(envelope.theirs, envelope.theirs_range),
            across=Distances.of(envelope.across, envelope.across_range),
            excess={phase: finite(value) for phase, value in envelope.excess.items()},
            excess_tolerance=ENVELOPE_EXCESS,
        )


def _must_be_as_long(steps: Steps, columns: dict[str, Column]) -> None:
    """Raise `ValueError` unless each column has a value for each step."""
    for name, column in columns.items():
        if len(column) != len(steps):
            raise ValueError(
                f"{name} has {len(column)} entries; accepted: {len(steps)}, one for each of steps"
            )
