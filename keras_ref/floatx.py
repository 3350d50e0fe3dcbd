"""Keras' global default dtype, set for as long as it is needed."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def floatx(dtype: str) -> Iterator[None]:
    """Build or run a model with `dtype` as Keras' floatx, and restore the caller's afterwards.

    Besides the layers it decides what Keras' losses, metrics and data adapters compute in, so that a
    float64 model outside this context would quietly read its images through float32.
    """
    before = keras.config.floatx()
    keras.config.set_floatx(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(before)
