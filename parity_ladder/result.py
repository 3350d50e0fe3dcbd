"""What a climb found, as one frozen value: printed, written as JSON, or as a page."""

import math
import os
import tempfile
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from parity_ladder.tolerances import ENVELOPE_EXCESS, Precision
from parity_ladder.twins import Envelope, Range

NotNegative = Annotated[float, Field(ge=0)]
Column = tuple[NotNegative | None, ...]
"""Distances or differences; None where one of both sides was not finite."""
Steps = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]
"""Counts of updates made."""


def finite(value: float) -> float | None:
    """Return the number, or None for one that JSON does not know."""
    return value if math.isfinite(value) else None


class Frozen(BaseModel):
    """A value that cannot change; unknown fields, NaN and silent conversions are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class RungResult(Frozen):
    """What one rung came to."""

    rung: str
    passed: bool | None
    """None for a rung that was not judged."""
    because: str | None = None
    """Why it was not judged."""
    worst: NotNegative | None
    """The largest difference, relative to its array's scale; None for an infinite one."""
    tolerance: NotNegative
    where: str
    """The element that it was found at."""

    @model_validator(mode="after")
    def _says_why_not(self) -> Self:
        if self.passed is not None and self.because is not None:
            raise ValueError(f"because is {self.because!r} on a rung that was judged")
        return self

    def __str__(self) -> str:
        if self.passed is None:
            return f"{self.rung:28} not judged, because {self.because}"
        outcome = "holds" if self.passed else "FAILS"
        worst = math.inf if self.worst is None else self.worst
        return f"{self.rung:28} {outcome:6} worst {worst:8.1e}  tolerance {self.tolerance:8.1e}"


class Cause(Frozen):
    """A known difference that explains the first difference, or a part of it."""

    name: str
    sentence: str
    leaves: str | None = None
    """The first difference that remains once it is allowed for; None where nothing remains."""

    def __str__(self) -> str:
        left = "" if self.leaves is None else f" It leaves unexplained: {self.leaves}."
        return f"cause: {self.name}. {self.sentence}{left}"


class FreeRunning(Frozen):
    """How far both sides were apart after each step, each going its own way; absolute."""

    steps: Steps
    loss: Column
    weight: Column
    """Of the weight that is furthest off."""
    loss_tolerance: NotNegative | None
    """In float64, by the reference's own twin; None in float32 and where the epoch was not ended.
    """
    weight_tolerance: NotNegative | None

    @model_validator(mode="after")
    def _is_a_table(self) -> Self:
        _must_be_as_long(self.steps, {"loss": self.loss, "weight": self.weight})
        return self


class Distances(Frozen):
    """Distances of all weights among a group of runs: smallest, geometric mean, largest."""

    lowest: Column
    mean: Column
    highest: Column

    @classmethod
    def of(cls, mean: NDArray[np.float64], ends: Range) -> Self:
        """Make them from their logarithms."""
        lowest, middle, highest = (
            tuple(finite(value) for value in np.exp(logs).tolist())
            for logs in (ends.lowest, mean, ends.highest)
        )
        return cls(lowest=lowest, mean=middle, highest=highest)


class TwinDistances(Frozen):
    """Distances between float32 runs whose starts are one ulp apart, snapshot by snapshot."""

    steps: Steps
    port: Distances
    reference: Distances
    across: Distances
    """Between the runs of one side and those of the other."""
    excess: dict[str, float | None]
    """By phase, how much further the sides part than twins: a logarithm."""
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
        """Take down what was measured, with what is allowed."""
        return cls(
            steps=tuple(envelope.steps.tolist()),
            port=Distances.of(envelope.ours, envelope.ours_range),
            reference=Distances.of(envelope.theirs, envelope.theirs_range),
            across=Distances.of(envelope.across, envelope.across_range),
            excess={phase: finite(value) for phase, value in envelope.excess.items()},
            excess_tolerance=ENVELOPE_EXCESS,
        )


class Result(Frozen):
    """One climb, complete."""

    dtype: Precision
    """Of the weights: it decides how the trajectory is judged."""
    rungs: tuple[RungResult, ...]
    first_difference: str | None
    """A sentence; None where every rung that was judged holds."""
    causes: tuple[Cause, ...] = ()
    """Best explanation first. Each leaves what the next one explains; two that leave nothing are
    alternatives."""
    explanation: str | None = None
    """The causes as one text, or why there is none; None where the sides do not part."""
    loss_max_difference: NotNegative | None
    """The largest of all free-running steps; None where there was none, or none was finite."""
    weight_max_difference: NotNegative | None
    """The same of the weight that is furthest off."""
    free_running: FreeRunning | None = None
    twin_distances: TwinDistances | None = None

    @model_validator(mode="after")
    def _agrees_with_its_rungs(self) -> Self:
        if all(rung.passed is None for rung in self.rungs):
            raise ValueError("no rung was judged")
        failed = [rung.rung for rung in self.rungs if rung.passed is False]
        if bool(failed) != (self.first_difference is not None):
            raise ValueError(
                f"first_difference is {self.first_difference!r}, and rungs that failed are {failed}"
            )
        return self

    @property
    def holds(self) -> bool:
        """Whether every rung that was judged holds. `not_judged` tells what was not compared."""
        return self.first_difference is None

    @property
    def not_judged(self) -> tuple[RungResult, ...]:
        """The rungs on which nothing was compared, each with the reason."""
        return tuple(rung for rung in self.rungs if rung.passed is None)

    @property
    def verdict(self) -> str:
        """The outcome as text: what holds and what was not judged, or where the sides part."""
        if not self.holds:
            return f"{self.first_difference}\n{self.explanation}"
        left = ", ".join(rung.rung for rung in self.not_judged)
        return (
            f"every rung that was judged holds; not judged: {left}"
            if left
            else ("every rung holds")
        )

    def __str__(self) -> str:
        return "\n".join([*(str(rung) for rung in self.rungs), self.verdict])

    def to_json(self) -> str:
        """Return indented JSON, of which `model_validate_json` makes an equal value."""
        return self.model_dump_json(indent=2) + "\n"

    def write_json(self, path: Path | str) -> None:
        """Write the JSON, the file whole or not at all."""
        _write(Path(path), self.to_json().encode())

    def write_page(self, path: Path | str, title: str = "Parity ladder") -> None:
        """Write an HTML page that needs nothing but itself, whole or not at all. Needs jinja2."""
        from parity_ladder.report import page_of  # jinja2 only where a page is made

        _write(Path(path), page_of(self, title))


def _must_be_as_long(steps: Steps, columns: dict[str, Column]) -> None:
    for name, column in columns.items():
        if len(column) != len(steps):
            raise ValueError(
                f"{name} has {len(column)} entries; accepted: {len(steps)}, one for each of steps"
            )


def _write(path: Path, content: bytes) -> None:
    """Write through a new file beside it, which is then renamed."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as new:
        try:
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
            Path(new.name).replace(path)
        except BaseException:
            Path(new.name).unlink(missing_ok=True)
            raise
