"""A picture of every run's final accuracy and of the paired differences."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cnn_experiment.look.pictures.style import colour_of, in_our_style


class Differences(NamedTuple):
    """Paired differences and the 90 % interval of their mean."""

    values: Sequence[float]
    low: float
    high: float


class Groups(NamedTuple):
    """The final accuracies of one experiment, by contestant, and their paired differences."""

    title: str
    accuracies: Mapping[str, Sequence[float]]
    differences: Mapping[str, Differences]


@in_our_style
def accuracies(rows: Sequence[Groups], margin: float) -> Figure:
    """Draw a row for each experiment: a point for each run and each pair, a bar for each mean.

    Two contestants are equivalent if their interval, the thick line, lies within the shaded part,
    which is `margin` on both sides of 0.
    """
    figure = Figure(figsize=(9, 0.6 + 2.2 * len(rows)), layout="constrained")
    for row, (left, right) in zip(rows, figure.subplots(len(rows), 2, squeeze=False), strict=True):
        _points(left, row.accuracies)
        left.set(title=f"{row.title}: accuracy, %")
        if not row.differences:
            right.set_axis_off()
            continue
        right.axvspan(-100 * margin, 100 * margin, color="#999999", alpha=0.25, linewidth=0)
        _points(right, {name: group.values for name, group in row.differences.items()})
        for place, group in enumerate(row.differences.values()):
            ends = 100 * group.low, 100 * group.high
            right.plot(ends, [place] * 2, color=colour_of(place), linewidth=4, alpha=0.8)
        right.set(title="difference by seed, points; 90 % interval")
    return figure


def _points(axes: Axes, groups: Mapping[str, Sequence[float]]) -> None:
    """Draw a row of points for each group, in percent, spread so that none hides another."""
    for place, values in enumerate(groups.values()):
        percents = 100 * np.array(values)
        spread = place + np.linspace(-0.2, 0.2, len(values))
        axes.plot(percents, spread, ".", color=colour_of(place), alpha=0.6)
        axes.plot([percents.mean()] * 2, [place - 0.35, place + 0.35], color=colour_of(place))
    axes.set_yticks(range(len(groups)), list(groups))
    axes.set_ylim(len(groups) - 0.4, -0.6)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="x", alpha=0.3)
