"""A person's own digit, from a PNG or JPEG to the form that MNIST's digits have.

As the data set was made: the digit is fitted into 20x20 pixels with its proportions kept, and
stands in 28x28 with its centre of mass in the middle, light on a dark ground.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnn_experiment.errors import UserError

try:
    from PIL import Image, ImageOps
    from scipy import ndimage
except ModuleNotFoundError as error:
    raise UserError(f"{error.name} is not installed here; pip install '.[plots]'") from error

MOST_BYTES = 20_000_000
MOST_PIXELS = 30_000_000
LEAST_CONTRAST = 15
"""Grey levels of 255 between the ground and what is drawn on it."""
_LARGE = 400
"""Higher and wider pictures are brought down to less than twice this before they are looked at."""
_LEAST_PART = 0.05
"""Of the area of the largest connected part: what is smaller is dust."""
_BOX, _FIELD = 20, 28
_CENTRE = 14.5
"""Where MNIST has its centres of mass, half a pixel off the middle: measured on 1,000 digits."""

Floats = NDArray[np.float64]


def read_grey(file: Path | str) -> NDArray[np.uint8]:
    """The picture in grey levels (height, width), 0 black to 255 white, upright.

    Large ones are brought down to less than 800 in height and width. What is transparent becomes
    white, or black if what is drawn there is light. Raises `UserError` for a file that is no PNG or
    JPEG, that is damaged or too large.
    """
    file = Path(file)
    if not file.is_file():
        raise UserError(f"image = {file}: it is not a file; accepted: a PNG or JPEG")
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
                image.draft("L", (_LARGE, _LARGE))  # decodes a JPEG no larger than needed
                return _grey(_small(ImageOps.exif_transpose(image)))
    except UserError:
        raise
    except Exception as error:  # Pillow's decoders raise a dozen kinds for damaged files
        raise UserError(
            f"image = {file}: it cannot be read as a picture; accepted: a PNG or JPEG"
        ) from error


def _small(image: Image.Image) -> Image.Image:
    """Brought down, in grey levels or colours, with any transparency."""
    if image.mode.startswith("I"):  # 16 bits
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ("1", "P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return _reduced(image)


def _reduced(image: Image.Image) -> Image.Image:
    return image.reduce(max(1, max(image.size) // _LARGE))


def _grey(image: Image.Image) -> NDArray[np.uint8]:
    if not image.has_transparency_data:
        return np.asarray(image.convert("L"))
    grey, opacity = (np.asarray(c, np.float64) for c in image.convert("LA").split())
    opacity /= 255
    drawn = (grey * opacity).sum() / max(opacity.sum(), 1e-9)
    ground = 255 if drawn < 128 else 0
    composed: Floats = (grey * opacity + ground * (1 - opacity)).round()
    return composed.astype(np.uint8)


def as_mnist(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The digit in a picture (height, width), any size, as (28, 28), 0 ground to 255 ink.

    One digit, darker or lighter than its ground, which may be noisy and unevenly lit; dust is left
    out, a line or frame beside the digit is not. Raises `UserError` for a picture with nothing
    drawn in it.
    """
    ink = _ink(np.asarray(_reduced(Image.fromarray(grey))))
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
    scaled: Floats = (field * 255 / field.max()).round()
    return scaled.astype(np.uint8)


def _ink(grey: NDArray[np.uint8]) -> Floats:
    """How much each pixel is drawn on, 0 to 1; 0 for shades of the ground, and for dust."""
    smooth = ndimage.gaussian_filter(grey.astype(np.float64), min(1, max(grey.shape) / _LARGE))
    away = smooth - _ground(smooth)
    if -away.min() > away.max():  # dark on light
        away = -away
    away = np.clip(away, 0, None)
    threshold = _between_ground_and_ink(away)
    drawn = away > threshold
    full = float(np.median(away[drawn])) if drawn.any() else 0.0
    if full < LEAST_CONTRAST:
        raise UserError(
            "there is nothing drawn in the picture; accepted: a digit, dark on light or light on"
            " dark"
        )
    ink: Floats = np.clip((away - threshold / 2) / (full - threshold / 2), 0, 1)
    return np.where(_without_dust(drawn), ink, 0.0)


def _ground(smooth: Floats) -> Any:
    """The brightness of the ground behind the digit: a plane's along the border, then a bowl's.

    Both are fitted so that what is drawn on the ground does not count: the plane by the least sum
    of distances, the bowl to what lies close to the plane.
    """
    rows, columns = (axis / max(smooth.shape) for axis in np.indices(smooth.shape))
    terms = [np.ones_like(rows), rows, columns, rows**2, rows * columns, columns**2]
    plane, bowl = np.stack(terms[:3], axis=-1), np.stack(terms, axis=-1)
    border = np.ones(smooth.shape, bool)
    border[1:-1, 1:-1] = False
    weights = np.ones(border.sum())
    for _ in range(20):
        found = _fitted(plane[border], smooth[border], weights)
        weights = 1 / np.maximum(np.abs(smooth[border] - plane[border] @ found), 1)
    ground = plane @ found
    some = np.zeros(smooth.shape, bool)  # enough for six numbers
    some[:: max(1, len(smooth) // 50), :: max(1, len(smooth[0]) // 50)] = True
    for _ in range(5):
        apart = np.abs(smooth - ground)
        close = some & (apart < 10 + 3 * np.median(apart[border]))
        ground = bowl @ _fitted(bowl[close], smooth[close], np.ones(close.sum()))
    return ground


def _fitted(terms: Floats, values: Floats, weights: Floats) -> Any:
    """Coefficients of the weighted least squares."""
    root = np.sqrt(weights)
    return np.linalg.lstsq(terms * root[:, np.newaxis], values * root)[0]


def _without_dust(drawn: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The large connected parts, and the soft edge around them."""
    parts, _ = ndimage.label(drawn, np.ones((3, 3)))
    areas = np.bincount(parts.ravel())
    areas[0] = 0
    kept = np.isin(parts, np.flatnonzero(areas >= max(1, _LEAST_PART * areas.max())))
    reach = max(1, max(drawn.shape) // 40)
    return np.asarray(ndimage.binary_dilation(kept, np.ones((3, 3)), reach))


def _between_ground_and_ink(values: Floats) -> float:
    """The threshold that parts two groups with the largest variance between them (Otsu's)."""
    counts, edges = np.histogram(values, bins=256)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = below[-1] + counts[-1] - below
    sums = np.cumsum(counts * centres)
    means_below = sums[:-1] / np.maximum(below, 1)
    means_above = (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    return float(edges[1 + np.argmax(below * above * (means_above - means_below) ** 2)])


def _centre_of_mass(digit: Floats) -> tuple[float, float]:
    """Row and column, where a pixel's own centre lies half a pixel from its edge."""
    rows, columns = np.indices(digit.shape) + 0.5
    return float(np.average(rows, weights=digit)), float(np.average(columns, weights=digit))
