"""Draw sheets of digits, confusion matrices, and predictions for single images."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cnn_experiment.look.pictures.style import COLOURS, in_our_style

PER_ROW = 8
"""Number of digits in a row of a sheet."""


@in_our_style
def digit_sheet(images: Sequence[NDArray[Any]], captions: Sequence[str], title: str) -> Figure:
    """Draw small images (height, width), each with a caption, 8 in a row."""
    rows = max(1, -(-len(images) // PER_ROW))
    figure = Figure(figsize=(1.25 * PER_ROW, 1.65 * rows + 0.4), layout="constrained")
    figure.suptitle(title)
    all_axes = np.ravel(figure.subplots(rows, PER_ROW, squeeze=False))
    for axes in all_axes:
        axes.set_axis_off()
    for axes, image, caption in zip(all_axes, images, captions, strict=False):
        axes.imshow(image, cmap="binary")
        axes.set_title(caption, fontsize=7.5)
    return figure


@in_our_style
def confusion_matrix(counts: NDArray[np.int64], title: str) -> Figure:
    """Draw `counts` (classes, classes), true class by predicted class; mistakes are coloured."""
    classes = len(counts)
    figure = Figure(figsize=(0.5 * classes + 1.2, 0.45 * classes + 1.2), layout="constrained")
    axes = figure.subplots()
    mistakes = counts.astype(float)
    np.fill_diagonal(mistakes, np.nan)
    most = max(1.0, float(np.nanmax(mistakes)))
    axes.imshow(mistakes, cmap="Reds", vmin=0, vmax=most)

    for true, predicted in np.ndindex(counts.shape):
        count = counts[true, predicted]
        dark = true != predicted and count > 0.6 * most
        axes.text(
            predicted, true, str(count) if count else "", ha="center", va="center", fontsize=8,
            color="white" if dark else "black",
        )  # fmt: skip
    ticks = range(classes)
    axes.set(xlabel="predicted", ylabel="true", xticks=ticks, yticks=ticks, title=title)
    return figure


class Guess(NamedTuple):
    """A picture of a digit, the input that the network got, and the network's probabilities."""

    title: str
    image: NDArray[Any]
    """(height, width), any size, 0 black to 255 white."""
    seen: NDArray[Any]
    """(28, 28), 0 background to 255 ink."""
    probabilities: NDArray[Any]
    """(classes,)."""


@in_our_style
def guesses(rows: Sequence[Guess]) -> Figure:
    """Draw a row for each picture: the picture, the network's input, the probabilities."""
    figure = Figure(figsize=(7.5, 2.1 * len(rows) + 0.1), layout="constrained")
    all_axes = figure.subplots(len(rows), 3, squeeze=False, width_ratios=(1, 1, 1.8))
    for row, (original, seen, bars) in zip(rows, all_axes, strict=True):
        original.imshow(row.image, cmap="gray", vmin=0, vmax=255)
        original.set_title(row.title)
        seen.imshow(row.seen, cmap="binary", vmin=0, vmax=255)
        seen.set_title("as the network saw it")
        for axes in (original, seen):
            axes.set(xticks=[], yticks=[])
        best = int(np.argmax(row.probabilities))
        colours = ["#999999"] * len(row.probabilities)
        colours[best] = COLOURS[0]
        bars.bar(range(len(row.probabilities)), row.probabilities, color=colours)
        bars.set(
            xticks=range(len(row.probabilities)), ylim=(0, 1.05),
            title=f"a {best}: {row.probabilities[best]:.1%}",
        )  # fmt: skip
    return figure
