"""Set Keras' global default dtype temporarily."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def floatx(dtype: str) -> Iterator[None]:
    """Make `dtype` Keras' default while a model is built or run, then restore the caller's default.

    Keras has two defaults. Losses, metrics and data adapters use `floatx`. Layers use the dtype
    policy, which is made from `floatx` once and does not follow its later changes. If only one of
    the two is set, a float64 model silently reads its images, or computes its loss, in float32.
    """
    before, policy_before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy(policy_before)
