"""Every tolerance of the ladder, with its reason and the command that measures it again.

Two sound implementations differ by rounding. What it comes to is in the column "worst" that

    python scripts/parity.py --preset article-3-addendum --dtype float64 --steps 938
    python scripts/parity.py --preset article-3-addendum --dtype float32 --steps 150

print for each rung: the worst element's difference over the largest magnitude in its array.
"""

import math
from typing import Literal, NamedTuple

Precision = Literal["float64", "float32"]


class Tolerance(NamedTuple):
    """The largest difference, relative to an array's scale, that rounding explains."""

    float64: float
    float32: float

    def of(self, precision: Precision) -> float:
        """Return the tolerance in this precision."""
        return self.float64 if precision == "float64" else self.float32


# Nothing is computed in two ways here, so what is not equal is different.
EXACT = Tolerance(0.0, 0.0)

# One step from a shared state. float64: two sound implementations stay below 2e-13; the smallest
# known difference, a constant that is not rounded to float32, is 5e-8.
_FLOAT64 = 1e-11

# float32: some ten times the worst of a whole epoch of three presets, up to the next power of ten.
# `python scripts/measure_tolerances.py one-step --steps 938` measures it again, beside what one ulp
# in the weights makes of the same step: where it turns a ReLU on or off, a hundred times as much.
LAYER_OUTPUTS = Tolerance(_FLOAT64, 1e-5)
DATA_LOSS = Tolerance(_FLOAT64, 1e-3)
PENALTY = Tolerance(_FLOAT64, 1e-5)
GRADIENTS = Tolerance(_FLOAT64, 1e-3)
OPTIMIZER_STATE = Tolerance(_FLOAT64, 1e-3)
UPDATED_WEIGHTS = Tolerance(_FLOAT64, 1e-4)
EPOCH_METRICS = Tolerance(_FLOAT64, 1e-5)

# Free-running in float64: how many times as far as the reference's own twin, which begins one ulp
# away, the port may part from the reference. See `python scripts/measure_tolerances.py trajectory`.
TIMES_THE_TWIN = 10.0
# A twin may come out equal by luck in the first steps. A few ulps are always allowed.
ALWAYS_ALLOWED_ULPS = 16

# Free-running in float32: how much further than one-ulp twins of one framework the two frameworks
# may part, as a logarithm, by phase (see `twins.Envelope.excess`). Twice as far before chance
# events set in; while they do and after, 30 times. With 7 twins a side, groups of twins of one
# framework go beyond it in less than 1 case of 1000, by the estimate that
# `python scripts/measure_tolerances.py envelope` makes from runs of several seeds.
ENVELOPE_EXCESS = {"early": math.log(2), "middle": math.log(30), "late": math.log(30)}
TWINS = 7
