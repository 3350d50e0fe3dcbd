"""The neutral form of a network's variables, in which everything passes between the backends.

A set of variables is a dict from neutral name (`conv2d_1/kernel`) to array in Keras' layout:
kernels (height, width, in, out) or (in, out), biases (out,).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnn_experiment.errors import UserError

Variables = Mapping[str, NDArray[Any]]


def must_match(given: Variables, own: Variables) -> None:
    """Raise `UserError` unless `given` has the names, shapes and dtypes of a model's `own`."""
    if given.keys() != own.keys():
        raise UserError(f"variables are {sorted(given)}; accepted: {sorted(own)}")
    for name, array in given.items():
        if (array.shape, array.dtype) != (own[name].shape, own[name].dtype):
            raise UserError(
                f"{name} is {array.dtype} {array.shape};"
                f" accepted: {own[name].dtype} {own[name].shape}"
            )


def must_be_finite(variables: Variables) -> None:
    """Raise `UserError` where a number is NaN or infinite."""
    for name, array in variables.items():
        if not np.isfinite(array).all():
            raise UserError(f"{name} holds a number that is not finite")
