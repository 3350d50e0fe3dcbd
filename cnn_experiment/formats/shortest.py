"""The shortest decimal number that is the same in float32."""

from typing import Any

import numpy as np


def shortest_in_float32(value: Any) -> Any:
    """Return 0.001 for 0.0010000000474974513, which Keras writes if it has 0.001 in float32.

    What is no number of float32 is returned as it is.
    """
    with np.errstate(over="ignore"):
        if isinstance(value, float) and float(np.float32(value)) == value:
            return float(str(np.float32(value)))
    return value
