"""The picture of the ladder: a climb's rungs as a staircase, from Keras' state upwards."""

import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from parity_ladder import Result, RungResult

_GREEN, _RED = "#2e7d32", "#c62828"
_WIDTH = 3.4
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
    axes.set(xlim=(-4.6, len(rungs) + _WIDTH), ylim=(-2.3, len(rungs) + 0.2))
    axes.axis("off")
    return figure


def _start(axes: Axes) -> None:
    """Draw the state that both begin with, and the step of each."""
    box = {"boxstyle": "round,pad=0.5", "edgecolor": "#455a64", "facecolor": "#eceff1"}
    axes.text(-2.7, -1.5, "Keras' state:\nweights, optimizer", ha="center", va="center", bbox=box)
    for text, height in (("one step by Keras", 1.6), ("one step by the port", 4.6)):
        axes.text(-2.9, height, text, ha="center", va="center", bbox=box)
        axes.annotate(
            "", (-2.9, height - 0.6), (-2.8, -0.7), arrowprops={"arrowstyle": "->", "lw": 1.2}
        )
        axes.annotate("", (-0.1, 0.5), (-1.2, height), arrowprops={"arrowstyle": "->", "lw": 1.2})


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
        xytext=(-4.2, count - 0.3),
        color=_RED,
        va="top",
        fontsize=10,
        arrowprops={"arrowstyle": "->", "color": _RED},
    )
