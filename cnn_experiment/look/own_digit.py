"""Turn a digit in a picture into the form of MNIST's digits.

It follows the way in which MNIST was made: the digit is scaled to fit into 20x20 pixels, with its
proportions kept, and placed in 28x28 pixels with its centre of mass in the middle, light on dark.

In this module the *ink* is the digit as drawn, and the *ground* is the surface behind it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnn_experiment.errors import UserError
from cnn_experiment.look.picture_file import LARGE, reduced

try:
    from PIL import Image
    from scipy import ndimage
except ModuleNotFoundError as error:
    raise UserError(f"{error.name} is not installed here; pip install '.[plots]'") from error

LEAST_CONTRAST = 15
"""The smallest accepted difference between ink and ground, in grey levels from 0 to 255."""
_LEAST_PART = 0.05
"""A connected part with less than this fraction of the largest part's area is dust."""
_BOX, _FIELD = 20, 28
"""Side lengths in pixels of the box around the digit, and of the whole image."""
_CENTRE = 14.5
"""Position of the centre of mass of MNIST's digits, half a pixel from the middle of the image.
Measured on 1,000 digits."""

Floats = NDArray[np.float64]


def as_mnist(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the digit in a picture (height, width), any size, as (28, 28), 0 ground to 255 ink.

    The picture shows one digit, darker or lighter than its ground, which may be noisy and unevenly
    lit. Dust is removed, but a line or frame beside the digit is not. Raises `UserError` for a
    picture with nothing drawn in it.
    """
    # Cut out the smallest rectangle that holds all ink.
    ink = _ink(np.asarray(reduced(Image.fromarray(grey))))
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]

    # Scale its longer side to 20 pixels.
    scale = _BOX / max(cut.shape)
    height, width = (max(1, round(size * scale)) for size in cut.shape)
    resized = Image.fromarray(cut.astype(np.float32)).resize((width, height), Image.Resampling.BOX)
    digit = np.asarray(resized, np.float64)

    # Place its centre of mass at the middle, as far as the digit then stays inside the image.
    top, left = (
        int(np.clip(round(_CENTRE - centre), 0, _FIELD - size))
        for centre, size in zip(_centre_of_mass(digit), digit.shape, strict=True)
    )
    field = np.zeros((_FIELD, _FIELD))
    field[top : top + height, left : left + width] = digit

    # The darkest ink becomes 255.
    scaled: Floats = (field * 255 / field.max()).round()
    return scaled.astype(np.uint8)


def _ink(grey: NDArray[np.uint8]) -> Floats:
    """Return the amount of ink at each pixel, 0 to 1; the ground and dust are 0.

    Raises `UserError` for a picture with nothing drawn in it.
    """
    # The distance of each pixel from the ground, positive where there is ink.
    smooth = ndimage.gaussian_filter(grey.astype(np.float64), min(1, max(grey.shape) / LARGE))
    distance = smooth - _ground(smooth)
    if -distance.min() > distance.max():  # dark ink on a light ground
        distance = -distance
    distance = np.clip(distance, 0, None)

    # `full` is the typical distance of ink.
    threshold = _between_ground_and_ink(distance)
    drawn = distance > threshold
    full = float(np.median(distance[drawn])) if drawn.any() else 0.0
    if full < LEAST_CONTRAST:
        raise UserError(
            "there is nothing drawn in the picture; accepted: a digit, dark on light or light on"
            " dark"
        )

    # From half the threshold, 0, to the typical ink, 1: this keeps the soft edges of the strokes.
    ink: Floats = np.clip((distance - threshold / 2) / (full - threshold / 2), 0, 1)
    return np.where(_without_dust(drawn), ink, 0.0)


def _ground(smooth: Floats) -> Any:
    """Return the brightness of the ground at each pixel, (height, width), as a smooth surface.

    The surface is a quadratic polynomial of row and column, since a lamp lights a sheet unevenly.
    Ink must not pull it away from the ground, so two fits follow each other:

    1. a plane, fitted to the border of the picture, where there is little ink, by the least sum of
       absolute distances, on which a few outliers have little influence;
    2. the quadratic surface, fitted by least squares to those pixels that are close to the previous
       surface, five times.
    """
    # The polynomial's terms at each pixel; the first three are those of a plane.
    rows, columns = (axis / max(smooth.shape) for axis in np.indices(smooth.shape))
    terms = [np.ones_like(rows), rows, columns, rows**2, rows * columns, columns**2]
    linear, quadratic = np.stack(terms[:3], axis=-1), np.stack(terms, axis=-1)

    # Least absolute distances by weighted least squares: each round gives a pixel the weight
    # 1 / distance from the plane of the round before.
    border = np.ones(smooth.shape, bool)
    border[1:-1, 1:-1] = False
    weights = np.ones(border.sum())
    for _ in range(20):
        plane = _fitted(linear[border], smooth[border], weights)
        weights = 1 / np.maximum(np.abs(smooth[border] - linear[border] @ plane), 1)
    ground = linear @ plane

    # About 50x50 pixels are enough to fit six coefficients.
    some = np.zeros(smooth.shape, bool)
    some[:: max(1, len(smooth) // 50), :: max(1, len(smooth[0]) // 50)] = True
    for _ in range(5):
        distance = np.abs(smooth - ground)
        close = some & (distance < 10 + 3 * np.median(distance[border]))
        ground = quadratic @ _fitted(quadratic[close], smooth[close], np.ones(close.sum()))
    return ground


def _fitted(terms: Floats, values: Floats, weights: Floats) -> Any:
    """Return the coefficients of `terms` that fit `values` by weighted least squares."""
    root = np.sqrt(weights)
    return np.linalg.lstsq(terms * root[:, np.newaxis], values * root)[0]


def _without_dust(drawn: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the mask of the large connected parts, widened by the soft edges around them."""
    parts, _ = ndimage.label(drawn, np.ones((3, 3)))
    areas = np.bincount(parts.ravel())
    areas[0] = 0  # part 0 is everything that is not drawn
    kept = np.isin(parts, np.flatnonzero(areas >= max(1, _LEAST_PART * areas.max())))
    reach = max(1, max(drawn.shape) // 40)
    return np.asarray(ndimage.binary_dilation(kept, np.ones((3, 3)), reach))


def _between_ground_and_ink(values: Floats) -> float:
    """Return Otsu's threshold: it splits values into two groups with the most different means."""
    counts, edges = np.histogram(values, bins=256)
    centres = (edges[:-1] + edges[1:]) / 2

    # For each threshold between two bins: the number of values below and above, and their means.
    below = np.cumsum(counts)[:-1]
    above = below[-1] + counts[-1] - below
    sums = np.cumsum(counts * centres)
    means_below = sums[:-1] / np.maximum(below, 1)
    means_above = (sums[-1] - sums[:-1]) / np.maximum(above, 1)

    # Otsu: the largest variance between the two groups.
    return float(edges[1 + np.argmax(below * above * (means_above - means_below) ** 2)])


def _centre_of_mass(digit: Floats) -> tuple[float, float]:
    """Return row and column; the centre of the first pixel is at 0.5."""
    rows, columns = np.indices(digit.shape) + 0.5
    return float(np.average(rows, weights=digit)), float(np.average(columns, weights=digit))
