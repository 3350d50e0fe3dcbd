"""Known differences in which variables a layer has, and in which shapes."""

import keras
import numpy as np
from torch import nn

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import ShapesPlace
from parity_ladder.pairing.matching import Match

_L = keras.layers
_RUNG = "parameter counts and shapes"


def _match(place: ShapesPlace) -> Match | None:
    """Return the pair of units that the variable belongs to, be it Keras' or the port's."""
    for match in place.pairs.matches:
        theirs = {part.name for part in match.theirs.parts.values()}
        if place.array in theirs or place.array.rpartition(".")[0] == match.ours.name:
            return match
    return None


@known(
    "bias left out",
    rung=_RUNG,
    area="layers",
    source="keras/src/layers/core/dense.py; torch/nn/modules/linear.py",
)
def no_bias(place: ShapesPlace) -> bool:
    """The port's layer has no bias, and Keras' has one.

    Write `bias=True`, PyTorch's default.
    """
    match = _match(place)
    if match is None:
        return False
    return "bias" in match.theirs.parts and "bias" not in match.ours.parts


@known(
    "bias too many",
    rung=_RUNG,
    area="layers",
    source="keras/src/layers/core/dense.py; torch/nn/modules/linear.py",
)
def one_bias_more(place: ShapesPlace) -> bool:
    """The port's layer has a bias, and Keras' has none (`use_bias=False`).

    Write `bias=False`.
    """
    match = _match(place)
    if match is None:
        return False
    return "bias" in match.ours.parts and "bias" not in match.theirs.parts


@known(
    "groups left out",
    rung=_RUNG,
    area="layers",
    source="keras/src/layers/convolutional/base_conv.py; torch/nn/modules/conv.py",
)
def no_groups(place: ShapesPlace) -> bool:
    """The port's convolution is not divided into groups, so its kernel sees all channels.

    Write the layer's `groups` as `nn.Conv2d(..., groups=groups)`; a depthwise convolution has as
    many groups as it has channels.
    """
    match = _match(place)
    if match is None or "kernel" not in match.ours.parts or "kernel" not in match.theirs.parts:
        return False
    module = dict(place.module.named_modules()).get(match.ours.name)
    if not isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d) or module.groups != 1:
        return False
    theirs, ours = match.theirs.parts["kernel"].shape, match.ours.parts["kernel"].shape
    if match.theirs.kind == "depthwise":
        return theirs[-2] * theirs[-1] == ours[0] and theirs[-2] == ours[1] > 1
    same_outputs_and_window = theirs[-1] == ours[0] and theirs[:-2] == ours[2:]
    return same_outputs_and_window and ours[1] > theirs[-2] and ours[1] % theirs[-2] == 0


@known(
    "PReLU with other weights",
    rung=_RUNG,
    area="layers",
    source="keras/src/layers/activations/prelu.py; torch/nn/modules/activation.py",
)
def shared_slopes(place: ShapesPlace) -> bool:
    """The port's PReLU has one weight for all values, or one a channel; Keras' has one a position.

    Write `nn.PReLU(features)` after a dense layer. Positions of images can only share a weight in
    PyTorch: take a parameter of your own with the shape of the map, or `shared_axes` in Keras.
    """
    match = _match(place)
    if match is None or match.theirs.kind != "prelu" or "alpha" not in match.ours.parts:
        return False
    sizes = [np.prod(unit.parts["alpha"].shape) for unit in (match.ours, match.theirs)]
    return bool(sizes[0] < sizes[1])
