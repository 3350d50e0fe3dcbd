"""Known differences in layers that resize images."""

from typing import Any

import keras
from numpy.typing import NDArray
from torch.nn import functional

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import LayerPlace
from parity_ladder.known_differences.recomputing import channels_first, channels_last, nearest

_L = keras.layers
_RESIZE = "keras/src/backend/tensorflow/image.py; torch/nn/functional.py"


def _resized(place: LayerPlace, mode: str, **settings: Any) -> NDArray[Any]:
    size = place.output.shape[1:3]
    values = functional.interpolate(channels_first(place.inputs[0]), size, mode=mode, **settings)
    return channels_last(values)


def _interpolation(place: LayerPlace) -> str:
    """Return the interpolation of a layer that resizes; empty for another layer."""
    layer = place.layer
    is_known = isinstance(layer, _L.Resizing | _L.UpSampling2D)
    plain = not any(
        getattr(layer, name, False)
        for name in ("antialias", "crop_to_aspect_ratio", "pad_to_aspect_ratio")
    )
    return str(layer.interpolation) if is_known and plain else ""


@known("bicubic of another kind", rung="layer outputs", area="layers", source=_RESIZE)
def bicubic(place: LayerPlace) -> Any:
    """The port's bicubic interpolation has PyTorch's coefficient of -0.75; Keras' has -0.5.

    Upwards, write `F.interpolate(x, size, mode="bicubic", antialias=True)`, which has -0.5, too.
    Downwards that smooths first, as Keras does only with `antialias=True`.
    """
    if _interpolation(place) != "bicubic":
        return None
    return _resized(place, "bicubic", align_corners=False)


@known("nearest pixel by its corner", rung="layer outputs", area="layers", source=_RESIZE)
def nearest_by_corner(place: LayerPlace) -> Any:
    """The port's `mode="nearest"` takes the pixel at the corner of the new one.

    Keras takes the one at its centre. Write `F.interpolate(x, size, mode="nearest-exact")`.
    """
    return _resized(place, "nearest") if _interpolation(place) == "nearest" else None


@known("corners aligned", rung="layer outputs", area="layers", source=_RESIZE)
def aligned_corners(place: LayerPlace) -> Any:
    """The port interpolates with `align_corners=True`, which maps corner pixels to corner pixels.

    Keras maps the edges of the image to each other. Write `align_corners=False`.
    """
    mode = _interpolation(place)
    if mode not in {"bilinear", "bicubic"}:
        return None
    return _resized(place, mode, align_corners=True)


@known("another interpolation", rung="layer outputs", area="layers", source=_RESIZE)
def other_interpolation(place: LayerPlace) -> Any:
    """The port resizes by another interpolation, such as PyTorch's default, the nearest pixel.

    Write the layer's own: `mode="bilinear"` with `align_corners=False`, or `"nearest-exact"`.
    """
    own = _interpolation(place)
    if not own:
        return None
    modes = {"nearest": ["nearest", "nearest-exact"]}
    smooth = [mode for mode in ("bilinear", "bicubic") if mode != own]
    found = [_resized(place, mode, align_corners=False) for mode in smooth]
    found += [_resized(place, mode) for mode in modes["nearest"] if own != "nearest"]
    return nearest(place.ours, found)
