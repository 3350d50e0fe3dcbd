"""Draw arrays with matplotlib: learning curves, drift, layers, digits.

Each function returns a matplotlib `Figure`. `png` and `svg` encode it; their result is the same for
the same input and versions. Importing this raises `UserError` if matplotlib is not installed.
"""

from cnn_experiment.errors import UserError

try:
    import matplotlib  # noqa: F401 - turns a missing matplotlib into one clear sentence
except ModuleNotFoundError as error:
    raise UserError("matplotlib is not installed here; pip install '.[plots]'") from error

from cnn_experiment.look.pictures.curves import curves
from cnn_experiment.look.pictures.digits import Guess, confusion_matrix, digit_sheet, guesses
from cnn_experiment.look.pictures.drift import Band, Line, envelope, trajectory
from cnn_experiment.look.pictures.layers import (
    ImageRow,
    Panel,
    layer_outputs,
    must_be_a_colormap,
    standardised,
    tiled,
)
from cnn_experiment.look.pictures.style import COLOURS, INK, png, svg

__all__ = [
    "COLOURS",
    "INK",
    "Band",
    "Guess",
    "ImageRow",
    "Line",
    "Panel",
    "confusion_matrix",
    "curves",
    "digit_sheet",
    "envelope",
    "guesses",
    "layer_outputs",
    "must_be_a_colormap",
    "png",
    "standardised",
    "svg",
    "tiled",
    "trajectory",
]
