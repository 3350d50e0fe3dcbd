"""The pictures of the report, each with a caption that says in words what it shows."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnn_experiment import EpochRecord, accuracy_line
from cnn_experiment.look import pictures as draw
from parity_ladder.distances import Column, Distances, FreeRunning, TwinDistances
from parity_ladder.report import number
from parity_tests.report.given_runs import Training

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONGEST_IN_LEGEND = 24


class Picture(NamedTuple):
    """An `<svg>` element and its caption."""

    svg: str
    caption: str


def _array(column: Column) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in column])


def trajectories(measured: Mapping[str, FreeRunning]) -> list[Picture]:
    """Return a picture of the free-running differences of each float64 climb, by label."""
    pictures = []
    for count, (label, free) in enumerate(measured.items(), start=1):
        seen = f"{_grown('loss', free.loss, free)} {_grown('weight', free.weight, free)}"
        description = f"Differences of two free-running trainings by step. {seen}"
        svg = draw.svg(trajectory_figure(free), f"trajectory-{count}", description)
        pictures.append(Picture(svg, f"{label}. {seen}"))
    return pictures


def trajectory_figure(free: FreeRunning) -> "Figure":
    """Draw the free-running differences of a climb by step."""
    lines = {
        "a loss": draw.Line(_array(free.loss), free.loss_tolerance),
        "a weight": draw.Line(_array(free.weight), free.weight_tolerance),
    }
    return draw.trajectory(np.array(free.steps), lines)


def _grown(name: str, column: Column, free: FreeRunning) -> str:
    tolerance = getattr(free, f"{name}_tolerance")
    largest = None if None in column else max(value for value in column if value is not None)
    return (
        f"Largest difference of a {name}: {number(column[0])} at step {free.steps[0]},"
        f" {number(largest)} up to step {free.steps[-1]}"
        + ("." if tolerance is None else f", tolerance {number(tolerance)}.")
    )


def envelopes(measured: Mapping[str, TwinDistances]) -> list[Picture]:
    """Return a picture of the distances between twins for each float32 climb, by label."""
    pictures = []
    for count, (label, apart) in enumerate(measured.items(), start=1):
        ends = (0, -1)
        groups = {
            "Among PyTorch's twins": apart.port,
            "Among Keras' twins": apart.reference,
            "Between PyTorch and Keras": apart.across,
        }
        seen = " ".join(
            f"{name}: {' and '.join(_at(apart, group, end) for end in ends)}."
            for name, group in groups.items()
        )
        description = f"Distance of all weights by step. {seen}"
        svg = draw.svg(envelope_figure(apart), f"envelope-{count}", description)
        pictures.append(Picture(svg, f"{label}. {seen}"))
    return pictures


def envelope_figure(apart: TwinDistances) -> "Figure":
    """Draw the distances between the frameworks with those between one-ulp twins."""

    def band(group: Distances) -> draw.Band:
        return draw.Band(*(_array(part) for part in (group.lowest, group.mean, group.highest)))

    twins = {"PyTorch's twins": band(apart.port), "Keras' twins": band(apart.reference)}
    return draw.envelope(np.array(apart.steps), twins, band(apart.across))


def _at(apart: TwinDistances, group: Distances, index: int) -> str:
    low, high = number(group.lowest[index]), number(group.highest[index])
    return f"{low} to {high} at step {apart.steps[index]}"


def curves(trainings: Sequence[Training]) -> list[str]:
    """Return the learning curves of all runs: panels in a row, and in a column for a phone."""
    histories = _histories(trainings)
    if not histories:
        return []
    seen = "Accuracy, loss and learning rate over the epochs. " + " ".join(
        f"{label}: accuracy on test images {history[0].val_accuracy:.4f} after epoch 1"
        + (f", {history[-1].val_accuracy:.4f} after epoch {len(history)}" if history[1:] else "")
        + f"; loss {history[-1].val_loss:.4f}."
        for label, history in histories.items()
    )
    return [
        draw.svg(curves_figure(trainings, panels_a_row=panels), name, seen)
        for name, panels in (("curves-wide", 3), ("curves-narrow", 1))
    ]


def curves_figure(trainings: Sequence[Training], *, panels_a_row: int = 3) -> "Figure":
    """Draw the learning curves of the runs that finished an epoch; there must be one."""
    shown = [training for training in trainings if training.checkpoint.history]
    epochs = max(training.checkpoint.experiment.epochs for training in shown)
    lines = sorted({accuracy_line(training.checkpoint.experiment) for training in shown})
    return draw.curves(_histories(trainings), epochs, lines=lines, panels_a_row=panels_a_row)


def _histories(trainings: Sequence[Training]) -> dict[str, Sequence[EpochRecord]]:
    shown = [training for training in trainings if training.checkpoint.history]
    return {
        _in_legend(training.label, number): training.checkpoint.history
        for number, training in enumerate(shown, start=1)
    }


def _in_legend(label: str, number: int) -> str:
    """Return the label; a long one is shortened, with the number of the run added."""
    if len(label) <= LONGEST_IN_LEGEND:
        return label
    return f"{label[: LONGEST_IN_LEGEND - 6]}... ({number})"
