"""The base of every value that a climb returns."""

import math
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

NotNegative = Annotated[float, Field(ge=0)]


def finite(value: float) -> float | None:
    """Return the number, or None for NaN and infinity, which JSON cannot hold."""
    return value if math.isfinite(value) else None


class Frozen(BaseModel):
    """A value that cannot change. It refuses unknown fields, NaN, and values of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
