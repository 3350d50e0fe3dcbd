"""Keras' global default dtype, set for as long as it is needed."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def floatx(dtype: str) -> Iterator[None]:
    """Build or run a model with `dtype` as Keras' default, and restore the caller's afterwards.

    Keras has two defaults: `floatx`, by which losses, metrics and data adapters go, and the dtype
    policy, by which layers go and which keeps the first floatx it saw. Setting only one of them
    makes a float64 model that quietly reads its images, or computes its loss, in float32.
    """
    before, policy_before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy(policy_before)
