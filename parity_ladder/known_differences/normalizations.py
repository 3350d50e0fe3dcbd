"""Known differences in normalizations."""

from typing import Any

import keras
import numpy as np

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import StatisticsPlace


@known(
    "unbiased running variance",
    rung="statistics",
    area="layers",
    source="keras/src/layers/normalization/batch_normalization.py; pytorch #1410",
)
def unbiased_running_variance(place: StatisticsPlace) -> Any:
    """The port's BatchNorm keeps the unbiased variance of each batch, as PyTorch's does.

    Keras 3 keeps the biased one, the sum of squares divided by n and not by n - 1. Take
    `keras_for_torch.KerasBatchNorm`, or scale the update of `running_var` by (n - 1) / n.
    """
    layer = place.layer
    if not isinstance(layer, keras.layers.BatchNormalization) or "variance" not in place.array:
        return None
    inputs = place.inputs[0]
    axes = tuple(axis for axis in range(inputs.ndim) if axis != layer.axis % inputs.ndim)
    variance = inputs.var(axis=axes, ddof=1)
    return np.asarray(place.before * layer.momentum + variance * (1 - layer.momentum))
