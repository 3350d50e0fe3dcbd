"""What entries use to compute a layer again in PyTorch."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def channels_first(array: NDArray[Any]) -> Tensor:
    """Return an array (batch, ..., channels) as a tensor (batch, channels, ...)."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 1)))


def channels_last(tensor: Tensor) -> NDArray[Any]:
    """Return a tensor (batch, channels, ...) as an array (batch, ..., channels)."""
    return np.moveaxis(tensor.detach().numpy(), 1, -1)


def activated(layer: keras.layers.Layer, outputs: NDArray[Any]) -> NDArray[Any]:
    """Return what the layer's own activation makes of the outputs."""
    activation = getattr(layer, "activation", None)
    if activation is None:
        return outputs
    return np.array(keras.ops.convert_to_numpy(activation(keras.ops.convert_to_tensor(outputs))))


def nearest(ours: NDArray[Any], candidates: Sequence[NDArray[Any]]) -> NDArray[Any] | None:
    """Return the candidate next to what the port shows; None if none has its shape.

    For a mistake that can be made in several ways.
    """
    fitting = [each for each in candidates if each.shape == ours.shape]
    return min(fitting, key=lambda each: float(np.abs(each - ours).max()), default=None)
