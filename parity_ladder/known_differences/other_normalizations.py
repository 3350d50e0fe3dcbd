"""Known differences in the normalizations of single samples, and in what all of them learn."""

from typing import Any

import keras
import numpy as np
from torch import nn

from parity_ladder.known_differences.calling_again import called_again
from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.normalizations import other_epsilon
from parity_ladder.known_differences.places import LayerPlace, ShapesPlace
from parity_ladder.known_differences.recomputing import nearest

_L = keras.layers
_KERAS = "keras/src/layers/normalization"
_SOURCE = f"{_KERAS}/layer_normalization.py; torch/nn/modules/normalization.py"
_KINDS = {"batch_norm", "layer_norm", "group_norm", "rms_norm"}
_LEARNED = {"gamma", "beta", "scale"}


@known(
    "epsilon of LayerNorm",
    rung="layer outputs",
    area="layers",
    source=f"{_SOURCE}; pytorch #104857",
)
def layer_norm_epsilon(place: LayerPlace) -> Any:
    """The port's LayerNorm has another epsilon, such as PyTorch's default of 1e-5.

    Keras' default is 1e-3: write `nn.LayerNorm(features, eps=1e-3)`.
    """
    return other_epsilon(place, _L.LayerNormalization)


@known(
    "epsilon of GroupNorm",
    rung="layer outputs",
    area="layers",
    source=f"{_KERAS}/group_normalization.py; torch/nn/modules/normalization.py",
)
def group_norm_epsilon(place: LayerPlace) -> Any:
    """The port's GroupNorm has another epsilon, such as PyTorch's default of 1e-5.

    Keras' default is 1e-3: write `nn.GroupNorm(groups, channels, eps=1e-3)`.
    """
    return other_epsilon(place, _L.GroupNormalization)


@known(
    "epsilon of RMSNorm",
    rung="layer outputs",
    area="layers",
    source=f"{_KERAS}/rms_normalization.py; torch/nn/modules/normalization.py",
)
def rms_norm_epsilon(place: LayerPlace) -> Any:
    """The port's RMSNorm has another epsilon; PyTorch's default is the rounding of the dtype.

    Keras' default is 1e-6: write `nn.RMSNorm(features, eps=1e-6)`.
    """
    return other_epsilon(place, _L.RMSNormalization, float(np.finfo(place.output.dtype).eps))


@known(
    "groups of GroupNorm",
    rung="layer outputs",
    area="layers",
    source=f"{_KERAS}/group_normalization.py; torch/nn/modules/normalization.py",
)
def other_groups(place: LayerPlace) -> Any:
    """The port's GroupNorm divides the channels into another number of groups.

    Write the layer's `groups` as the first argument of `nn.GroupNorm(groups, channels)`; Keras' -1
    means as many groups as channels.
    """
    layer = place.layer
    if not isinstance(layer, _L.GroupNormalization):
        return None
    channels = place.inputs[0].shape[layer.axis]
    numbers = [n for n in range(1, channels + 1) if channels % n == 0 and n != layer.groups]
    return nearest(place.ours, [called_again(place, groups=n) for n in numbers])


@known(
    "LayerNorm over more axes",
    rung="parameter counts and shapes",
    area="layers",
    source=_SOURCE,
)
def more_axes(place: ShapesPlace) -> bool:
    """The port's LayerNorm normalizes over more axes than Keras' does, such as over time, too.

    Keras' layer normalizes the last axis alone, unless `axis` names others. Write
    `nn.LayerNorm(features)` with the length of the last axis, not with the shape of the sample.
    """
    for match in place.pairs.matches:
        theirs, ours = match.theirs.parts.get("gamma"), match.ours.parts.get("gamma")
        if match.theirs.kind == match.ours.kind == "layer_norm" and theirs and ours:
            is_it = place.array.rpartition("/")[0] == match.theirs.name
            if is_it and len(ours.shape) > len(theirs.shape):
                return ours.shape[-len(theirs.shape) :] == theirs.shape
    return False


@known(
    "scale or shift of a normalization missing",
    rung="parameter counts and shapes",
    area="layers",
    source=f"{_SOURCE}, torch/nn/modules/batchnorm.py",
)
def nothing_learned(place: ShapesPlace) -> bool:
    """The port's normalization has no scale or no shift, and Keras' has both.

    Write `affine=True`, or `elementwise_affine=True` and `bias=True` in `nn.LayerNorm`: PyTorch's
    defaults.
    """
    role = place.array.rpartition("/")[2]
    if role not in _LEARNED or place.array not in place.pairs.unpaired_theirs:
        return False
    attribute = "bias" if role == "beta" else "weight"
    return any(
        _is_normalization(module) and getattr(module, attribute) is None
        for module in place.module.modules()
    )


@known(
    "scale or shift of a normalization too many",
    rung="parameter counts and shapes",
    area="layers",
    source=f"{_SOURCE}, torch/nn/modules/batchnorm.py",
)
def learned_in_addition(place: ShapesPlace) -> bool:
    """The port's normalization learns a scale or a shift that Keras' has not (`scale=False`).

    Write `bias=False` in `nn.LayerNorm`, or freeze the one that is too many:
    `norm.weight.requires_grad_(False)`, `norm.bias.requires_grad_(False)`.
    """
    for match in place.pairs.matches:
        if match.theirs.kind == match.ours.kind and match.ours.kind in _KINDS:
            added = match.ours.parts.keys() - match.theirs.parts.keys()
            if any(match.ours.parts[role].name == place.array for role in added & _LEARNED):
                return True
    return False


def _is_normalization(module: nn.Module) -> bool:
    return isinstance(
        module, nn.LayerNorm | nn.GroupNorm | nn.RMSNorm | nn.modules.batchnorm._BatchNorm
    )
