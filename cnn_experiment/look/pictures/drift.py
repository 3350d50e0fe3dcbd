"""Draw how the difference between two trainings grows, step by step."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator
from numpy.typing import NDArray

from cnn_experiment.look.pictures.style import COLOURS, INK, NARROW, colour_of, in_our_style


class Line(NamedTuple):
    """Differences at each step; NaN where there is none. `tolerance` is drawn as a dashed line."""

    values: NDArray[np.float64]
    tolerance: float | None = None


@in_our_style
def trajectory(steps: NDArray[np.int64], differences: Mapping[str, Line]) -> Figure:
    """Draw the differences of two implementations that train independently from the same start.

    A thin line is the difference at each step, a thick line the largest difference so far. A
    tolerance is a dashed line in the same colour. The scale is logarithmic.
    """
    figure = Figure(figsize=NARROW, layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel="steps", ylabel="difference, absolute", yscale="log")
    for number, (name, line) in enumerate(differences.items()):
        colour = colour_of(number)
        values = _drawable(line.values)
        axes.plot(steps, values, color=colour, linewidth=0.7, alpha=0.6)
        largest = np.fmax.accumulate(values)
        axes.plot(steps, largest, color=colour, linewidth=1.8, label=f"{name}, largest so far")
        if line.tolerance is not None:
            dashes = (4 * number, (4, 4))  # so that two equal tolerances are both visible
            look: Any = {"color": colour, "linestyle": dashes, "linewidth": 1.2}
            axes.axhline(
                float(_drawable(np.array(line.tolerance))), label=f"tolerance of {name}", **look
            )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    _in_plain_numbers(axes.yaxis)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return figure


class Band(NamedTuple):
    """Smallest, mean and largest distance within a group of runs at each snapshot, (snapshots,)."""

    lowest: NDArray[np.float64]
    mean: NDArray[np.float64]
    highest: NDArray[np.float64]


@in_our_style
def envelope(steps: NDArray[np.int64], twins: Mapping[str, Band], across: Band) -> Figure:
    """Draw distances of runs: a band for each framework's twins, lines across the frameworks.

    Twins are two runs in one framework whose initial weights differ by one unit in the last place.
    """
    figure = Figure(figsize=NARROW, layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel="steps", ylabel="distance of all weights", xscale="log", yscale="log")
    for colour, (name, band) in zip(COLOURS, twins.items(), strict=False):
        ends = _drawable(band.lowest), _drawable(band.highest)
        axes.fill_between(steps, *ends, label=name, facecolor=colour, alpha=0.4, linewidth=0)
    axes.plot(steps, _drawable(across.mean), color=INK, linewidth=1.8, label="one of each, mean")
    look: Any = {"color": INK, "linewidth": 0.9, "linestyle": ":"}
    axes.plot(steps, _drawable(across.lowest), label="one of each, smallest and largest", **look)
    axes.plot(steps, _drawable(across.highest), **look)
    for axis in (axes.xaxis, axes.yaxis):
        _in_plain_numbers(axis)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return figure


def _drawable(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values that a logarithmic axis can show, and NaN for all others."""
    return np.where((values > 1e-100) & (values < 1e100), values, np.nan)


def _in_plain_numbers(axis: Axis) -> None:
    """Label a logarithmic axis with plain text such as 1e-06."""
    axis.set_major_formatter(LogFormatter())
    axis.set_minor_formatter(LogFormatter(labelOnlyBase=False))
