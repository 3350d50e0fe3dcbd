"""Draw the outputs of a layer for images, as grids of feature maps or of dense units."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cnn_experiment.errors import UserError
from cnn_experiment.look.pictures.style import in_our_style

PER_ROW = 8
"""Number of feature maps, or units, in a row of a grid."""


class Panel(NamedTuple):
    """The output of a layer for one image."""

    title: str
    output: NDArray[Any]
    """(height, width, maps) of a convolution or pooling, (units,) of a dense layer."""
    is_difference: bool = False
    """Whether this is a difference of two outputs; it gets other colours, with 0 in the middle."""


class ImageRow(NamedTuple):
    """One row of the picture: an image, and outputs of a layer for it."""

    title: str
    image: NDArray[Any]
    """(height, width) or (height, width, 3)."""
    panels: Sequence[Panel]


def must_be_a_colormap(name: str) -> None:
    """Raise `UserError` for a name that is not one of matplotlib's colormaps."""
    if name not in mpl.colormaps:
        some = "jet, viridis, inferno, magma, gray"
        raise UserError(f"cmap = {name!r}: accepted: {some} or another of matplotlib's names")


@in_our_style
def layer_outputs(rows: Sequence[ImageRow], colours: str = "jet") -> Figure:
    """Draw a row for each image: the image, then a grid for each panel, with 8 maps in a line.

    All outputs share one colour scale and all differences another, so that rows can be compared.
    `colours` is the name of a matplotlib colormap.
    """
    must_be_a_colormap(colours)
    # The size of the picture follows from the grids, which have the same shape in all rows.
    grids = [[tiled(panel.output) for panel in row.panels] for row in rows]
    is_dense = rows[0].panels[0].output.ndim == 1
    width = 2.6 if is_dense else 4.6
    height = max(2.0, width * grids[0][0].shape[0] / grids[0][0].shape[1] + 0.4)
    widths = [1.7, *(width for _ in rows[0].panels)]
    figure = Figure(figsize=(sum(widths) + 0.9, height * len(rows) + 0.3), layout="constrained")
    all_axes = figure.subplots(len(rows), len(widths), squeeze=False, width_ratios=widths)

    # What is drawn with each of the two colour scales: outputs (False) and differences (True).
    drawn: dict[bool, list[tuple[Axes, Any]]] = {False: [], True: []}
    scales = {kind: _scale(rows, differences=kind) for kind in drawn}
    for row, row_axes, row_grids in zip(rows, all_axes, grids, strict=True):
        row_axes[0].imshow(row.image, cmap="binary")
        row_axes[0].set_title(row.title)
        row_axes[0].set_axis_off()
        for panel, axes, grid in zip(row.panels, row_axes[1:], row_grids, strict=True):
            low, high = scales[panel.is_difference]
            cmap = "RdBu_r" if panel.is_difference else colours
            image = axes.imshow(grid, cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
            axes.set_title(panel.title)
            _separate(axes, grid.shape, _map_size(panel.output))
            drawn[panel.is_difference].append((axes, image))

    if not any(p.output.any() for row in rows for p in row.panels if p.is_difference):
        drawn[True].clear()  # if all differences are 0, their scale has no meaning
    for on_one_scale in drawn.values():
        if on_one_scale:
            _, first_image = on_one_scale[0]
            all_of_scale = [axes for axes, _ in on_one_scale]
            figure.colorbar(first_image, ax=all_of_scale, shrink=0.8, aspect=30)
    return figure


def _scale(rows: Sequence[ImageRow], *, differences: bool) -> tuple[float, float]:
    """The values at the two ends of the colour scale of all outputs, or of all differences."""
    values = [p.output for row in rows for p in row.panels if p.is_difference == differences]
    if not values:
        return 0, 1
    if differences:
        largest = max(float(np.abs(value).max()) for value in values) or 1.0
        return -largest, largest
    low, high = (
        float(end(np.concatenate([v.ravel() for v in values]))) for end in (np.min, np.max)
    )
    return low, high if high > low else low + 1


def _map_size(output: NDArray[Any]) -> tuple[int, int]:
    return output.shape[:2] if output.ndim == 3 else (1, 1)


def tiled(output: NDArray[Any]) -> NDArray[Any]:
    """Arrange maps (height, width, maps), or units (units,), in a grid with 8 in a row.

    Returns one array; places after the last map are NaN.
    """
    maps = output if output.ndim == 3 else output[np.newaxis, np.newaxis]
    height, width, count = maps.shape
    columns = min(PER_ROW, count)
    grid = np.full((-(-count // columns) * height, columns * width), np.nan)
    for number in range(count):
        row, column = divmod(number, columns)
        top, left = row * height, column * width
        grid[top : top + height, left : left + width] = maps[:, :, number]
    return grid


def standardised(output: NDArray[Any]) -> NDArray[Any]:
    """Scale each map to mean 128 and deviation 64, clipped to 0 to 255, as article IV shows them.

    The units of a dense layer are scaled together, because each of them is a single number.
    """
    axes = (0, 1) if output.ndim == 3 else None
    centred = output - output.mean(axis=axes, keepdims=True)
    deviation = centred.std(axis=axes, keepdims=True)
    deviation[deviation == 0] = 1
    scaled: NDArray[Any] = np.clip(centred / deviation * 64 + 128, 0, 255)
    return scaled.astype(np.uint8)


def _separate(axes: Axes, shape: tuple[int, ...], size: tuple[int, int]) -> None:
    """Draw thin lines between the maps."""
    axes.set_xticks(np.arange(-0.5, shape[1], size[1]))
    axes.set_yticks(np.arange(-0.5, shape[0], size[0]))
    axes.tick_params(length=0, labelbottom=False, labelleft=False)
    axes.grid(color="#dddddd", linewidth=0.5, alpha=0.7)
