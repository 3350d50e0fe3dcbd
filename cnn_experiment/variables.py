"""A network's variables in the neutral form, in which the backends exchange them.

The neutral form is a dict from a neutral name (`conv2d_1/kernel`) to an array in Keras' layout:
kernels (height, width, in, out) or (in, out), biases (out,).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnn_experiment.errors import UserError

Variables = Mapping[str, NDArray[Any]]


def must_match(given: Variables, own: Variables) -> None:
    """Raise `UserError` unless `given` has the same names, shapes and dtypes as a model's `own`."""
    if given.keys() != own.keys():
        raise UserError(f"variables are {sorted(given)}; accepted: {sorted(own)}")
    for name, array in given.items():
        if (array.shape, array.dtype) != (own[name].shape, own[name].dtype):
            raise UserError(
                f"{name} is {array.dtype} {array.shape};"
                f" accepted: {own[name].dtype} {own[name].shape}"
            )


def must_be_finite(variables: Variables) -> None:
    """Raise `UserError` for the first array with a NaN or an infinity."""
    for name, array in variables.items():
        if not np.isfinite(array).all():
            raise UserError(f"{name} holds a number that is not finite")
