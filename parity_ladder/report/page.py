"""A climb as one HTML page, with tables and templates that other pages use too."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from parity_ladder.distances import FreeRunning
from parity_ladder.errors import LadderError
from parity_ladder.result import Result
from parity_ladder.rungs import RUNGS

try:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
except ModuleNotFoundError as error:
    raise LadderError("jinja2 is not installed here; pip install jinja2") from error

_STEPS_SHOWN = 12
"""The number of free-running steps in the table, at most."""


class Cell(NamedTuple):
    """A word with a colour: the tone `good`, `bad` or `soft`."""

    text: str
    tone: str


class Table(NamedTuple):
    """A table; the first cell of each row is the row's heading."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]


class Verdict(NamedTuple):
    """The outcome of a climb, for its reader."""

    label: str
    of_what: str
    """What was compared, after `label: `; may be empty."""
    holds: bool
    heading: str
    sentences: Sequence[str]


def environment(*folders: Path) -> Environment:
    """Return a jinja2 environment for the templates of these folders and of this one."""
    return Environment(
        autoescape=True,
        loader=FileSystemLoader([*folders, Path(__file__).parent]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page_of(result: Result, title: str) -> bytes:
    """Return the page of a climb, in UTF-8."""
    text = (
        environment()
        .get_template("climb.html.jinja")
        .render(
            title=title,
            result=result,
            verdict=verdict_of(result),
            rungs=RUNGS,
            ladder=ladder_table(result, "Rungs, from the first to the last"),
            drift=[] if result.free_running is None else [_drift(result.free_running)],
        )
    )
    return text.encode()


def verdict_of(result: Result, label: str = "", of_what: str = "") -> Verdict:
    """Return whether every rung holds, or where the first difference is and its causes."""
    if result.first_difference is not None:
        failed = next(rung.rung for rung in result.rungs if rung.passed is False)
        explained = [str(cause) for cause in result.causes]  # an old file has no explanation
        if result.explanation is not None:
            explained = result.explanation.split("\n")
        sentences = [result.first_difference, *explained, *_said_besides(result)]
        return Verdict(label, of_what, False, f"First difference: {failed}", sentences)
    left = result.not_judged
    heading = "Every rung that was judged holds" if left else "Every rung holds"
    sentences = [f"Not judged: {rung.rung}{rung.reason}." for rung in left]
    return Verdict(label, of_what, True, heading, [*sentences, *_said_besides(result)])


def _said_besides(result: Result) -> list[str]:
    """Return what was not compared, what differs by rounding alone, and the notes."""
    left = [f"Not compared: {each}." for each in result.not_compared]
    rounding = [
        f"On {rung.rung}, {len(rung.rounding)} arrays differ by more than the tolerance, as far as"
        f" rounding drives the reference from itself: {', '.join(rung.rounding)}."
        for rung in result.rungs
        if rung.rounding
    ]
    return [*left, *rounding, *(f"Note: {note}." for note in result.notes)]


def ladder_table(result: Result, caption: str) -> Table:
    """Return a table with the outcome of each rung."""
    rows: list[Sequence[str | Cell]] = []
    for rung in result.rungs:
        if rung.passed is None:
            reason = rung.reason.removeprefix(", ")
            rows.append((rung.rung, Cell("not judged", "soft"), "", "", reason))
            continue
        outcome = Cell("holds", "good") if rung.passed else Cell("FAILS", "bad")
        where = rung.where.removeprefix(f"{rung.rung}, ")
        rows.append((rung.rung, outcome, number(rung.worst), number(rung.tolerance), where))
    return Table(caption, ("rung", "outcome", "worst", "tolerance", "where"), rows)


def number(value: float | None) -> str:
    """Return a number with two digits, or `not finite` for None."""
    return "not finite" if value is None else f"{value:.2g}"


def _drift(free: FreeRunning) -> Table:
    """Return a table of the differences after some steps, more of them from the beginning."""
    rows = [
        (f"{free.steps[place]:,}", _apart(free.loss[place]), _apart(free.weight[place]))
        for place in _some(len(free.steps))
    ]
    if free.loss_tolerance is not None and free.weight_tolerance is not None:
        rows.append(("allowed", number(free.loss_tolerance), number(free.weight_tolerance)))
    caption = "Absolute differences between the free-running sides, from the same start"
    return Table(caption, ("steps", "of the loss", "of the weight that differs most"), rows)


def _apart(value: float | None) -> str:
    return "not shown, or not finite" if value is None else number(value)


def _some(count: int) -> Iterator[int]:
    """Yield indices below `count`, with the first and the last, more of them from the beginning."""
    ratio = count ** (1 / max(_STEPS_SHOWN - 1, 1))
    yield from dict.fromkeys(min(count, round(ratio**power)) - 1 for power in range(_STEPS_SHOWN))
