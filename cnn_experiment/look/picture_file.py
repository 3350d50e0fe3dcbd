"""Read a PNG or JPEG as grey levels, at a size that is large enough for one digit."""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnn_experiment.errors import UserError

try:
    from PIL import Image, ImageOps
except ModuleNotFoundError as error:
    raise UserError(f"{error.name} is not installed here; pip install '.[plots]'") from error

MOST_BYTES = 20_000_000
MOST_PIXELS = 30_000_000
LARGE = 400
"""`reduced` makes height and width of a larger picture less than twice this."""


def read_grey(file: Path | str) -> NDArray[np.uint8]:
    """Return the picture in grey levels (height, width), 0 black to 255 white, upright.

    A large picture is reduced to less than 800 in height and width. Transparent pixels become
    white, or black if the drawing is light. Raises `UserError` for a file that is not a PNG or
    JPEG, that is damaged or that is too large.
    """
    file = Path(file)
    if not file.is_file():
        raise UserError(f"image = {file}: it is not a file; accepted: a PNG or JPEG")
    size = file.stat().st_size
    if size > MOST_BYTES:
        raise UserError(f"image = {file}: {size:,} bytes; accepted: at most {MOST_BYTES:,}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of harmless irregularities in a file
            with Image.open(file, formats=("PNG", "JPEG")) as image:
                width, height = image.size
                if width * height > MOST_PIXELS:
                    raise UserError(
                        f"image = {file}: {width}x{height} pixels; accepted: at most"
                        f" {MOST_PIXELS:,} in all"
                    )
                image.draft("L", (LARGE, LARGE))  # decodes a JPEG at a reduced size
                return _grey(_small(ImageOps.exif_transpose(image)))
    except UserError:
        raise
    except Exception as error:  # Pillow raises many types for damaged files
        raise UserError(
            f"image = {file}: it cannot be read as a picture; accepted: a PNG or JPEG"
        ) from error


def _small(image: Image.Image) -> Image.Image:
    """Return the picture reduced, in 8-bit grey levels or colours, with its transparency."""
    if image.mode.startswith("I"):  # 16 bits
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ("1", "P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return reduced(image)


def reduced(image: Image.Image) -> Image.Image:
    """Divide height and width by a whole number; each new pixel is the mean of its old ones."""
    return image.reduce(max(1, max(image.size) // LARGE))


def _grey(image: Image.Image) -> NDArray[np.uint8]:
    """Return the grey levels, with the contrasting ground behind transparent pixels."""
    if not image.has_transparency_data:
        return np.asarray(image.convert("L"))
    grey, opacity = (np.asarray(c, np.float64) for c in image.convert("LA").split())
    opacity /= 255

    # The mean brightness of what is not transparent decides between a white and a black ground.
    brightness = (grey * opacity).sum() / max(opacity.sum(), 1e-9)
    ground = 255 if brightness < 128 else 0
    composed: NDArray[np.float64] = (grey * opacity + ground * (1 - opacity)).round()
    return composed.astype(np.uint8)
