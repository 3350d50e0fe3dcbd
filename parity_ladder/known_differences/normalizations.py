"""Known differences in batch normalization."""

from typing import Any

import keras
import numpy as np
from torch import nn

from parity_ladder.keras_side.watching import name_of
from parity_ladder.known_differences.calling_again import called_again
from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import Array, LayerPlace, ShapesPlace, StatisticsPlace
from parity_ladder.known_differences.recomputing import nearest

_BatchNorm = keras.layers.BatchNormalization
PYTORCHS_EPSILON = 1e-5
"""That of all normalizations in PyTorch but `nn.RMSNorm`."""
_PYTORCHS_MOMENTUM = 0.1
_SOURCE = "keras/src/layers/normalization/batch_normalization.py; torch/nn/modules/batchnorm.py"


def is_batch_norm(place: LayerPlace) -> bool:
    """Return whether the layer is a BatchNorm that normalizes by the statistics of the batch."""
    return isinstance(place.layer, _BatchNorm) and place.layer.trainable


def _moved(place: StatisticsPlace, momentum: float, *, degrees: int = 0) -> Array:
    """Return the statistic after a step with a momentum in PyTorch's meaning."""
    inputs, axis = place.inputs[0], place.layer.axis
    axes = tuple(each for each in range(inputs.ndim) if each != axis % inputs.ndim)
    is_variance = place.array.endswith("moving_variance")
    new = inputs.var(axis=axes, ddof=degrees) if is_variance else inputs.mean(axis=axes)
    return np.asarray(place.before * (1 - momentum) + new * momentum)


def _port_momentum(place: StatisticsPlace) -> float:
    """Return the momentum of the port's module, in PyTorch's meaning."""
    momentum = getattr(place.module, "momentum", None)
    return momentum if isinstance(momentum, float) else _PYTORCHS_MOMENTUM


def _is_copied(momentum: float, place: StatisticsPlace) -> bool:
    return bool(abs(momentum - place.layer.momentum) < 1e-9)


@known("Keras' momentum in PyTorch's BatchNorm", rung="statistics", area="layers", source=_SOURCE)
def momentum_copied(place: StatisticsPlace) -> Any:
    """The port's BatchNorm has Keras' number as its `momentum`, which means the opposite there.

    Keras' momentum is what stays of the running statistics, PyTorch's is what comes from the batch.
    Write `momentum=1 - 0.99` for Keras' 0.99, or take `keras_for_torch.KerasBatchNorm2d`.
    """
    if not is_batch_norm(place) or _is_copied(1 - place.layer.momentum, place):
        return None
    return _moved(place, place.layer.momentum)


@known("another momentum of BatchNorm", rung="statistics", area="layers", source=_SOURCE)
def other_momentum(place: StatisticsPlace) -> Any:
    """The port's BatchNorm has another momentum, such as PyTorch's default of 0.1.

    Keras' default of 0.99 is PyTorch's 0.01: write `momentum=1 - 0.99`, or take
    `keras_for_torch.KerasBatchNorm2d`.
    """
    momentum = _port_momentum(place)
    is_right = abs(momentum - (1 - place.layer.momentum)) < 1e-9
    if not is_batch_norm(place) or is_right or _is_copied(momentum, place):
        return None
    return _moved(place, momentum)


@known(
    "unbiased running variance",
    rung="statistics",
    area="layers",
    source=f"{_SOURCE}; pytorch #1410",
)
def unbiased_running_variance(place: StatisticsPlace) -> Any:
    """The port's BatchNorm keeps the unbiased variance of each batch, as PyTorch's does.

    Keras 3 keeps the biased one, the sum of squares divided by n and not by n - 1. Take
    `keras_for_torch.KerasBatchNorm2d`, or scale the update of `running_var` by (n - 1) / n.
    """
    if not is_batch_norm(place) or not place.array.endswith("moving_variance"):
        return None
    momenta = (1 - place.layer.momentum, _port_momentum(place))
    return nearest(place.ours, [_moved(place, momentum, degrees=1) for momentum in momenta])


@known("epsilon of BatchNorm", rung="layer outputs", area="layers", source=_SOURCE)
def batch_norm_epsilon(place: LayerPlace) -> Any:
    """The port's BatchNorm has another epsilon, such as PyTorch's default of 1e-5.

    Keras' default is 1e-3: write `nn.BatchNorm2d(channels, eps=1e-3)`, or take
    `keras_for_torch.KerasBatchNorm2d`.
    """
    return other_epsilon(place, _BatchNorm)


def other_epsilon(place: LayerPlace, kind: Any, default: float = PYTORCHS_EPSILON) -> Any:
    """Return the output of a normalization with the epsilon of the port's module."""
    if not isinstance(place.layer, kind):
        return None
    found = getattr(place.module, "eps", default)
    epsilon = default if found is None else float(found)
    return None if epsilon == place.layer.epsilon else called_again(place, epsilon=epsilon)


@known("BatchNorm in inference mode", rung="layer outputs", area="layers", source=_SOURCE)
def inference_mode(place: LayerPlace) -> Any:
    """The port's BatchNorm normalizes by its running statistics, since it is in inference mode.

    In training, Keras takes the statistics of the batch. Call `module.train()` before each epoch,
    and `module.eval()` for validation alone.
    """
    return called_again(place, training=False) if is_batch_norm(place) else None


@known("frozen BatchNorm in training mode", rung="layer outputs", area="layers", source=_SOURCE)
def frozen_in_training_mode(place: LayerPlace) -> Any:
    """The port's BatchNorm takes the statistics of the batch, though Keras' layer is frozen.

    In Keras, `trainable = False` also means inference. Call `norm.eval()` after each
    `module.train()`; `requires_grad_(False)` alone freezes the scale and the shift, not the
    statistics.
    """
    if not isinstance(place.layer, _BatchNorm) or place.layer.trainable:
        return None
    return called_again(place, trainable=True)


@known(
    "BatchNorm over another axis",
    rung="parameter counts and shapes",
    area="layers",
    source=_SOURCE,
)
def other_axis(place: ShapesPlace) -> bool:
    """The port's BatchNorm takes another axis for the channels: PyTorch's are always the second.

    Keras' are the last. Exchange the axes around it: `norm(x.transpose(1, 2)).transpose(1, 2)` for
    (batch, time, features), and give it the number of features.
    """
    for match in place.pairs.matches:
        is_it = place.array.rpartition("/")[0] == match.theirs.name
        if is_it and match.theirs.kind == match.ours.kind == "batch_norm":
            theirs, ours = (unit.parts["moving_mean"].shape for unit in (match.theirs, match.ours))
            shapes = _inputs_of(place.model, match.theirs.name)
            return theirs != ours and any(ours[0] in shape[1:] for shape in shapes)
    return False


def _inputs_of(model: keras.Model, name: str) -> list[tuple[int | None, ...]]:
    """Return the shapes of what goes into a layer, if the model knows them."""
    layers = [each for each in model._flatten_layers() if name_of(model, each) == name]
    try:
        return [tuple(each.input.shape) for each in layers]
    except (AttributeError, ValueError):  # a subclassed model does not know them
        return []


@known(
    "running statistics missing",
    rung="parameter counts and shapes",
    area="layers",
    source=_SOURCE,
)
def no_running_statistics(place: ShapesPlace) -> bool:
    """The port's BatchNorm keeps no running statistics, so it has none for inference.

    Keras' always does. Write `track_running_stats=True`, PyTorch's default.
    """
    if not place.array.endswith(("/moving_mean", "/moving_variance")):
        return False
    norms = [m for m in place.module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    return any(not norm.track_running_stats for norm in norms)
