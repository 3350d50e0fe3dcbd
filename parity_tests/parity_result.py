"""What one climb of the ladder found, as it stands in parity.json."""

import math
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from cnn_experiment import Experiment
from cnn_experiment.machine import Machine
from cnn_experiment.runs.history import NotNegative
from cnn_experiment.value import Size, Value
from parity_tests import tolerances
from parity_tests.envelope import Envelope, Range
from parity_tests.ladder import Ladder

FILE = "parity.json"
_LONGEST = 32 * 2**20
"""More than an epoch of 60,000 updates needs."""

Column = tuple[NotNegative | None, ...]
"""Distances or differences; None where one of both was not finite."""
Steps = Annotated[tuple[Size, ...], Field(min_length=1)]
"""Counts of updates made."""


def finite(value: float) -> float | None:
    """The number, or None for one that JSON does not know."""
    return value if math.isfinite(value) else None


class RungResult(Value):
    """What one rung showed."""

    rung: str
    passed: bool | None
    """None for a rung that was not reached, or that the port shows nothing for."""
    worst: NotNegative | None
    """None for an infinite one."""
    tolerance: NotNegative
    where: str


class FreeRunning(Value):
    """How far both were apart after each step, each going its own way; absolute."""

    steps: Steps
    loss: Column
    weight: Column
    """Of the weight that is furthest off."""
    loss_tolerance: NotNegative | None
    """None in float32, where the envelope is judged instead."""
    weight_tolerance: NotNegative | None

    @model_validator(mode="after")
    def _is_a_table(self) -> Self:
        _must_be_as_long(self.steps, {"loss": self.loss, "weight": self.weight})
        return self

    @classmethod
    def of(cls, ladder: Ladder) -> Self:
        """The steps that this ladder took, of which there is at least one."""
        experiment = ladder.reference.experiment
        allowed = tolerances.of_trajectory(experiment) if experiment.dtype == "float64" else None
        return cls(
            steps=tuple(range(1, len(ladder.loss_differences) + 1)),
            loss=tuple(finite(apart) for apart in ladder.loss_differences),
            weight=tuple(finite(apart) for apart in ladder.weight_differences),
            loss_tolerance=allowed and allowed.loss,
            weight_tolerance=allowed and allowed.weight,
        )


class Distances(Value):
    """Distances of all weights among a group of runs: smallest, geometric mean, largest."""

    lowest: Column
    mean: Column
    highest: Column

    @classmethod
    def of(cls, mean: NDArray[np.float64], ends: Range) -> Self:
        """From their logarithms."""
        lowest, middle, highest = (
            tuple(finite(value) for value in np.exp(logs).tolist())
            for logs in (ends.lowest, mean, ends.highest)
        )
        return cls(lowest=lowest, mean=middle, highest=highest)


class TwinDistances(Value):
    """Distances between float32 runs whose starts are one ulp apart, snapshot by snapshot."""

    steps: Steps
    torch: Distances
    keras: Distances
    across: Distances
    """Between the runs of one framework and those of the other."""
    excess: dict[str, float | None]
    """By phase, how much further the frameworks part than twins: a logarithm."""
    excess_tolerance: dict[str, float]

    @model_validator(mode="after")
    def _is_a_table(self) -> Self:
        for name in ("torch", "keras", "across"):
            group: Distances = getattr(self, name)
            columns = {f"{name}.{field}": getattr(group, field) for field in Distances.model_fields}
            _must_be_as_long(self.steps, columns)
        return self

    @classmethod
    def of(cls, envelope: Envelope) -> Self:
        """What was measured, with what is allowed."""
        return cls(
            steps=tuple(envelope.steps.tolist()),
            torch=Distances.of(envelope.ours, envelope.ours_range),
            keras=Distances.of(envelope.theirs, envelope.theirs_range),
            across=Distances.of(envelope.across, envelope.across_range),
            excess={phase: finite(value) for phase, value in envelope.excess.items()},
            excess_tolerance=tolerances.ENVELOPE_EXCESS,
        )


class ParityResult(Value):
    """One climb, complete."""

    preset: str | None
    """None for an experiment from a file."""
    dtype: Literal["float64", "float32"]
    steps: Size
    mutant: str | None
    device: str
    twins: int | None
    random_digits: bool = False
    experiment: Experiment
    versions: dict[str, str]
    machine: Machine | None = None
    rungs: tuple[RungResult, ...]
    loss_max_difference: NotNegative | None
    weight_max_difference: NotNegative | None
    first_difference: str | None
    cause: str | None
    explanation: str | None = None
    """The sentence on the cause."""
    free_running: FreeRunning | None = None
    twin_distances: TwinDistances | None = None

    @model_validator(mode="after")
    def _agrees_with_its_rungs(self) -> Self:
        names = tuple(rung.rung for rung in self.rungs)
        if names != tolerances.RUNGS:
            raise ValueError(f"rungs are {names}; accepted: {tolerances.RUNGS}")
        if all(rung.passed is None for rung in self.rungs):
            raise ValueError("no rung was judged")
        failed = [rung.rung for rung in self.rungs if rung.passed is False]
        if bool(failed) != (self.first_difference is not None):
            raise ValueError(
                f"first_difference is {self.first_difference!r}, and rungs that failed are {failed}"
            )
        return self


def _must_be_as_long(steps: Steps, columns: dict[str, Column]) -> None:
    for name, column in columns.items():
        if len(column) != len(steps):
            raise ValueError(
                f"{name} has {len(column)} entries; accepted: {len(steps)}, one for each of steps"
            )


def read_parity_result(folder: Path) -> ParityResult:
    """The climb that was written into this folder; `UserError` for anything else in the file."""
    what = "what scripts/parity.py --out wrote"
    return ParityResult.from_file(folder / FILE, longest=_LONGEST, what=what)
