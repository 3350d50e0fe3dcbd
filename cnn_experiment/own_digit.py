"""A person's own digit, from a PNG or JPEG to the form that MNIST's digits have.

As the data set was made: the digit is fitted into 20x20 pixels with its proportions kept, and
stands in 28x28 with its centre of mass in the middle, light on a dark ground.
"""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnn_experiment.errors import UserError

try:
    from PIL import Image, ImageOps
except ModuleNotFoundError as error:
    raise UserError("Pillow is not installed here; pip install '.[plots]'") from error

MOST_BYTES = 20_000_000
MOST_PIXELS = 20_000_000
_LARGE = 1000
"""Height and width to which larger pictures are brought down before they are looked at."""
LEAST_CONTRAST = 25
"""Grey levels of 255 between the ground and what is drawn on it."""
_BOX, _FIELD = 20, 28
_CENTRE = 14.5
"""Where MNIST has its centres of mass, half a pixel off the middle: measured on 1,000 digits."""


def read_grey(file: Path) -> NDArray[np.uint8]:
    """The picture in grey levels (height, width), 0 black to 255 white, upright, at most 1000 high.

    What is transparent becomes white, or black if what is drawn there is light. Raises `UserError`
    for a file that is no PNG or JPEG, that is damaged or too large.
    """
    if not file.is_file():
        raise UserError(f"image = {file}: it is no file; accepted: a PNG or JPEG")
    size = file.stat().st_size
    if size > MOST_BYTES:
        raise UserError(f"image = {file}: {size:,} bytes; accepted: at most {MOST_BYTES:,}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of harmless oddities in a file
            with Image.open(file, formats=("PNG", "JPEG")) as image:
                width, height = image.size
                if width * height > MOST_PIXELS:
                    raise UserError(
                        f"image = {file}: {width}x{height} pixels; accepted: at most"
                        f" {MOST_PIXELS:,} in all"
                    )
                return _grey(ImageOps.exif_transpose(_small(image)))
    except UserError:
        raise
    except Exception as error:  # Pillow's decoders raise a dozen kinds for damaged files
        raise UserError(
            f"image = {file}: it cannot be read as a picture; accepted: a PNG or JPEG"
        ) from error


def _small(image: Image.Image) -> Image.Image:
    """At most `_LARGE` high and wide, in grey levels or colours, with any transparency."""
    if image.mode.startswith("I"):  # 16 bits
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ("1", "P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image.thumbnail((_LARGE, _LARGE), Image.Resampling.BOX)
    return image


def _grey(image: Image.Image) -> NDArray[np.uint8]:
    if not image.has_transparency_data:
        return np.asarray(image.convert("L"))
    grey, opacity = (np.asarray(c, np.float64) for c in image.convert("LA").split())
    opacity /= 255
    drawn = (grey * opacity).sum() / max(opacity.sum(), 1e-9)
    ground = 255 if drawn < 128 else 0
    composed: NDArray[np.float64] = (grey * opacity + ground * (1 - opacity)).round()
    return composed.astype(np.uint8)


def as_mnist(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The digit in a picture (height, width), any size, as (28, 28), 0 ground to 255 ink.

    The ground is what most of the picture's border is; the digit may be darker or lighter. Raises
    `UserError` for a picture with nothing drawn in it.
    """
    ink = _ink(grey)
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = _BOX / max(cut.shape)
    height, width = (max(1, round(size * scale)) for size in cut.shape)
    resized = Image.fromarray(cut.astype(np.float32)).resize((width, height), Image.Resampling.BOX)
    digit = np.asarray(resized, np.float64)
    top, left = (
        int(np.clip(round(_CENTRE - centre), 0, _FIELD - size))
        for centre, size in zip(_centre_of_mass(digit), digit.shape, strict=True)
    )
    field = np.zeros((_FIELD, _FIELD))
    field[top : top + height, left : left + width] = digit
    scaled: NDArray[np.float64] = (field * 255 / field.max()).round()
    return scaled.astype(np.uint8)


def _ink(grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How much each pixel is drawn on, 0 to 1; 0 for shades of the ground."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    away = grey - np.median(border)
    if -away.min() > away.max():  # dark on light
        away = -away
    if away.max() < LEAST_CONTRAST:
        raise UserError(
            "there is nothing drawn in the picture; accepted: a digit, dark on light or light on"
            " dark"
        )
    away = np.clip(away, 0, None)
    threshold = _between_ground_and_ink(away)
    full = np.median(away[away > threshold])
    ground = threshold / 2
    ink: NDArray[np.float64] = np.clip((away - ground) / max(full - ground, 1e-9), 0, 1)
    return ink


def _between_ground_and_ink(values: NDArray[np.float64]) -> float:
    """The threshold that parts two groups with the largest variance between them (Otsu's)."""
    counts, edges = np.histogram(values, bins=256)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = below[-1] + counts[-1] - below
    sums = np.cumsum(counts * centres)
    means_below = sums[:-1] / np.maximum(below, 1)
    means_above = (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    return float(edges[1 + np.argmax(below * above * (means_above - means_below) ** 2)])


def _centre_of_mass(digit: NDArray[np.float64]) -> tuple[float, float]:
    """Row and column, where a pixel's own centre lies half a pixel from its edge."""
    rows, columns = np.indices(digit.shape) + 0.5
    return float(np.average(rows, weights=digit)), float(np.average(columns, weights=digit))
