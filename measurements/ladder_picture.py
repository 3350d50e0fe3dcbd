"""The picture of the ladder: a climb's rungs as a staircase, from Keras' state upwards."""

import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from parity_ladder import Result, RungResult

_GREEN, _RED = "#2e7d32", "#c62828"
_WIDTH = 4.2
"""Of a rung, in columns; each rung lies one column to the right of the one before."""


def of_ladder(result: Result) -> Figure:
    """Draw the judged rungs of a climb; the first that fails is red, with its cause beside it."""
    rungs = [rung for rung in result.rungs if rung.passed is not None]
    failed = [place for place, rung in enumerate(rungs) if rung.passed is False]
    figure = Figure(figsize=(10, 5.2), layout="constrained", facecolor="white")
    axes = figure.subplots()
    _start(axes)
    for place, rung in enumerate(rungs):
        _rung(axes, place, rung)
    if failed:
        _cause(axes, failed[0], result, len(rungs))
    axes.set(xlim=(-6.2, len(rungs) + _WIDTH + 1.4), ylim=(-2.3, len(rungs) + 0.2))
    axes.axis("off")
    return figure


def _start(axes: Axes) -> None:
    """Draw the state that both begin with, the step of each, and that they are compared."""
    state, keras, port, compared = (-3.2, -1.6), (-4.7, 0.7), (-1.7, 0.7), (-3.2, 3.0)
    box = {"boxstyle": "round,pad=0.5", "edgecolor": "#455a64", "facecolor": "#eceff1"}
    for text, (x, y) in (
        ("Keras' state: weights, optimizer", state),
        ("one step\nby Keras", keras),
        ("one step\nby the port", port),
        ("compared, rung by rung", compared),
    ):
        axes.text(x, y, text, ha="center", va="center", bbox=box)
    for (x, y), (end, top) in (
        (state, keras), (state, port), (keras, compared), (port, compared),
    ):  # fmt: skip
        _arrow(axes, (x + (end - x) * 0.3, y + 0.65), (end + (x - end) * 0.15, top - 0.8))
    _arrow(axes, (compared[0] + 1.9, compared[1]), (0.3, 0.95))


def _arrow(axes: Axes, begin: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate("", end, begin, arrowprops={"arrowstyle": "->", "lw": 1.2})


def _rung(axes: Axes, place: int, rung: RungResult) -> None:
    """Draw one step of the staircase."""
    colour = _GREEN if rung.passed else _RED
    axes.add_patch(_step(place, colour))
    mark = "holds" if rung.passed else "FAILS"
    axes.text(place + 0.15, place + 0.45, rung.rung, color="white", va="center", fontsize=9)
    axes.text(
        place + _WIDTH + 0.1,
        place + 0.45,
        f"{mark}, {rung.worst:.0e} apart" if rung.worst else mark,
        color=colour,
        va="center",
        fontsize=9,
    )


def _step(place: int, colour: str) -> Rectangle:
    return Rectangle((place, place), _WIDTH, 0.9, facecolor=colour, edgecolor="white")


def _cause(axes: Axes, place: int, result: Result, count: int) -> None:
    """Write the first cause of the red rung into the free corner above the staircase."""
    cause = result.causes[0] if result.causes else None
    if cause is None:
        return
    sentence = cause.sentence.partition(". ")[0]
    text = f"cause: {cause.name}\n" + textwrap.fill(f"{sentence}.", 44)
    axes.annotate(
        text,
        xy=(place + 0.2, place + 0.9),
        xytext=(-6.0, count - 0.3),
        color=_RED,
        va="top",
        fontsize=10,
        arrowprops={"arrowstyle": "->", "color": _RED},
    )
