"""The result of a climb, as a value that is printed, or written as JSON or as a page."""

import math
import os
import secrets
from pathlib import Path
from typing import Self

from pydantic import model_validator

from parity_ladder.distances import FreeRunning, TwinDistances
from parity_ladder.errors import LadderError
from parity_ladder.frozen import Frozen, NotNegative
from parity_ladder.tolerances import Precision


class RungResult(Frozen):
    """The outcome of one rung."""

    rung: str
    passed: bool | None
    """None for a rung that was not judged."""
    because: str | None = None
    """Why it was not judged."""
    worst: NotNegative | None
    """The largest relative difference (see `comparison.Difference`); None if not finite."""
    tolerance: NotNegative
    where: str
    """The place of the largest difference, as a sentence; empty if there is none."""
    left_out: tuple[str, ...] = ()
    """The arrays that were not compared, each with the reason."""
    rounding: tuple[str, ...] = ()
    """The arrays that differ by more than the tolerance, each with its relative difference. One ulp
    in the weights makes the reference differ from itself by as much, so it is rounding alone."""

    @model_validator(mode="after")
    def _says_why_not(self) -> Self:
        if self.passed is not None and self.because is not None:
            raise ValueError(f"because is {self.because!r} on a rung that was judged")
        return self

    @property
    def reason(self) -> str:
        """Why it was not judged, to stand behind "not judged"; empty if that is not known."""
        return f", because {self.because}" if self.because else ""

    def __str__(self) -> str:
        if self.passed is None:
            return f"{self.rung:28} not judged" + self.reason
        outcome = "holds" if self.passed else "FAILS"
        worst = math.inf if self.worst is None else self.worst
        line = f"{self.rung:28} {outcome:6} worst {worst:8.1e}  tolerance {self.tolerance:8.1e}"
        notes = [f"{len(self.left_out)} not compared"] if self.left_out else []
        if self.rounding:
            largest = max(float(each.rpartition(": ")[2]) for each in self.rounding)
            notes.append(f"{len(self.rounding)} differ by rounding alone, at most {largest:.1e}")
        return f"{line}  ({', '.join(notes)})" if notes else line


class Cause(Frozen):
    """A known difference that explains the first difference of a climb, or a part of it."""

    name: str
    sentence: str
    leaves: str | None = None
    """The first difference that it does not explain; None if it explains all."""
    is_behind: bool = False
    """Whether no known difference explains the difference before it. It was found after the port
    had been given the reference's values there, and does not explain that difference."""

    def __str__(self) -> str:
        left = "" if self.leaves is None else f" It leaves unexplained: {self.leaves}."
        where = "behind that, a " if self.is_behind else ""
        return f"{where}cause: {self.name}. {self.sentence}{left}"


class Result(Frozen):
    """The result of one climb."""

    dtype: Precision
    """The dtype of the weights. The tolerances depend on it."""
    rungs: tuple[RungResult, ...]
    first_difference: str | None
    """A sentence; None if every rung that was judged holds."""
    causes: tuple[Cause, ...] = ()
    """The best explanation first. Each explains what the one before leaves; several that leave
    nothing are alternatives."""
    explanation: str | None = None
    """The causes as one text, or why there is none; None if the sides agree."""
    loss_max_difference: NotNegative | None
    """The largest in the free-running steps; None if there is none, or it is not finite."""
    weight_max_difference: NotNegative | None
    """The same for the weights."""
    notes: tuple[str, ...] = ()
    """What a reader must know of this climb, such as why it is one in float32."""
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
        """Whether every rung that was judged holds. See `not_judged` for what was not compared."""
        return self.first_difference is None

    @property
    def not_judged(self) -> tuple[RungResult, ...]:
        """The rungs on which not everything was compared, each with the reason."""
        return tuple(rung for rung in self.rungs if rung.passed is None)

    @property
    def not_compared(self) -> tuple[str, ...]:
        """The arrays that were left out of a rung that was judged, each with the reason."""
        return tuple(
            f"{rung.rung}: {left}"
            for rung in self.rungs
            if rung.passed is not None
            for left in rung.left_out
        )

    @property
    def verdict(self) -> str:
        """The outcome as text: what was not judged, or the first difference and its causes."""
        if not self.holds:
            return f"{self.first_difference}\n{self.explanation}"
        left = ", ".join(rung.rung for rung in self.not_judged)
        return (
            f"every rung that was judged holds; not judged: {left}" if left else "every rung holds"
        )

    def __str__(self) -> str:
        lines = [str(rung) for rung in self.rungs]
        lines += [f"not compared: {left}" for left in self.not_compared]
        return "\n".join([*lines, *self.notes, self.verdict])

    def to_json(self) -> str:
        """Return indented JSON; `Result.model_validate_json` makes an equal value of it."""
        return self.model_dump_json(indent=2) + "\n"

    def write_json(self, path: Path | str) -> None:
        """Write the JSON, completely or not at all.

        Raises `LadderError` for a folder that is missing, and for a path that is a folder.
        """
        _write(Path(path), self.to_json().encode())

    def write_page(self, path: Path | str, title: str = "Parity ladder") -> None:
        """Write one HTML file that needs no other file, completely or not at all.

        Needs jinja2. Raises `LadderError` without it, and as `write_json` does.
        """
        from parity_ladder.report import page_of  # loads jinja2

        _write(Path(path), page_of(self, title))


def _write(path: Path, content: bytes) -> None:
    """Write a new file beside `path` and rename it, so that no half-written file is ever there."""
    if path.is_dir():
        raise LadderError(f"path = {path}: it is a folder; accepted: a file, new or old")
    if not path.parent.is_dir():
        raise LadderError(f"path = {path}: there is no folder {path.parent} to write it into")
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with unfinished.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
