"""Pictures from arrays, drawn by matplotlib: curves, drift, layers, digits.

Each function returns a matplotlib `Figure`; `png` and `svg` make bytes of it that are the same for
the same input and versions. Importing this raises `UserError` where matplotlib is not installed.
"""

from importlib.util import find_spec

from cnn_experiment.errors import UserError

if find_spec("matplotlib") is None:
    raise UserError("matplotlib is not installed here; pip install '.[plots]'")

from cnn_experiment.look.pictures.curves import curves
from cnn_experiment.look.pictures.digits import Guess, confusion_matrix, digit_sheet, guesses
from cnn_experiment.look.pictures.drift import Band, Line, envelope, trajectory
from cnn_experiment.look.pictures.layers import Looked, Panel, layer_outputs, standardised, tiled
from cnn_experiment.look.pictures.style import COLOURS, INK, png, svg

__all__ = [
    "COLOURS",
    "INK",
    "Band",
    "Guess",
    "Line",
    "Looked",
    "Panel",
    "confusion_matrix",
    "curves",
    "digit_sheet",
    "envelope",
    "guesses",
    "layer_outputs",
    "png",
    "standardised",
    "svg",
    "tiled",
    "trajectory",
]
