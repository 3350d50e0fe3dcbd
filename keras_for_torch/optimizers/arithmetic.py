"""Keras' arithmetic, where PyTorch's usual one would round differently.

Keras turns some Python constants into float32 tensors before it converts them to the variable's
dtype: in a float64 model 0.9 becomes 0.8999999761581421. Each optimizer here rounds the constants
that its original rounds, and only those; the others stay as they are.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor


def scalar_type(gradient: Tensor) -> type[np.floating[Any]]:
    """Return the NumPy type for scalar computations with this gradient.

    Scalars have the dtype of the model, so that their products are rounded as in Keras.
    """
    return np.float64 if gradient.dtype == torch.float64 else np.float32


def rounded(value: float) -> float:
    """Return a constant that Keras rounds to float32, so rounded."""
    return float(np.float32(value))


def move(average: Tensor, value: Tensor, part: float) -> Tensor:
    """Move an average towards a value by a fraction, `part`, of their distance, in place.

    The product is computed and rounded before the addition, as in Keras. An operation that does
    both at once does not round the product; the difference is visible if `part` is close to 1.
    """
    return average.add_((value - average).mul_(part))
