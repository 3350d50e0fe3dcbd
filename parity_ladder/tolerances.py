"""Every tolerance of the ladder, with its reason and the command that measures it again.

Two sound implementations differ by rounding. How much is in the column "worst" that

    twin-cnn parity --preset article-3-addendum --dtype float64 --steps 938
    twin-cnn parity --preset article-3-addendum --dtype float32 --steps 150

print for each rung: the largest difference of an element, divided by the largest magnitude in its
array.
"""

import math
from typing import Literal, NamedTuple

Precision = Literal["float64", "float32"]


class Tolerance(NamedTuple):
    """The largest relative difference (see `comparison.Difference`) that rounding explains."""

    float64: float
    float32: float

    def of(self, precision: Precision) -> float:
        """Return the tolerance in this precision."""
        return self.float64 if precision == "float64" else self.float32


# For what is copied, not computed: even rounding cannot make it differ.
EXACT = Tolerance(0.0, 0.0)

# For a constant of the reference that it rounds to float32 in a float64 model, too: half an ulp.
CONSTANTS = Tolerance(2.0**-24, 2.0**-24)

# One teacher-forced step in float64: two sound implementations differ by less than 2e-13. The
# smallest known difference, a constant that is not rounded to float32, makes 5e-8.
_FLOAT64 = 1e-11

# One step in float32: about ten times the worst difference in a whole epoch of three presets,
# rounded up to a power of ten. `python scripts/measure_tolerances.py one-step --steps 938` measures
# it again, and also how much one ulp in the weights changes the same step: a hundred times as much
# where it turns a ReLU on or off.
LAYER_OUTPUTS = Tolerance(_FLOAT64, 1e-5)
STATISTICS = Tolerance(_FLOAT64, 1e-4)
DATA_LOSS = Tolerance(_FLOAT64, 1e-3)
PENALTY = Tolerance(_FLOAT64, 1e-5)
GRADIENTS = Tolerance(_FLOAT64, 1e-3)
OPTIMIZER_STATE = Tolerance(_FLOAT64, 1e-3)
UPDATED_WEIGHTS = Tolerance(_FLOAT64, 1e-4)
EPOCH_METRICS = Tolerance(_FLOAT64, 1e-5)

# Free-running in float64: how many times as far from the reference as the reference's own twin the
# port may be. Sound ports were 0.7 to 3.1 times as far in 14 runs of all presets,
#     python scripts/measure_tolerances.py trajectory --steps 60 --seeds 2
# (results/float64_trajectory.csv), and 0.3 to 2.3 times in 30 runs of the suite's small network,
#     python scripts/measure_tolerances.py trajectory --preset small --steps 120 --seeds 30
# where the logarithm of the ratio has a standard deviation of 0.55: 5 times is 3 of these away.
TIMES_THE_TWIN = 5.0
# The same within one array of weights, of which a network has many: the worst array was at most 4.8
# times as far in these 30 runs, and 6.4 times in the 14 (the column "worst array: times").
TIMES_THE_TWIN_IN_AN_ARRAY = 25.0
# A few ulps are always allowed: in the first steps a twin may by chance equal the reference.
ALWAYS_ALLOWED_ULPS = 16
# Ulps of what? Of the magnitude that a quarter of a step's arrays exceed. The largest may be that
# of a large input, and would excuse all the others; half of them may be nothing but rounding.
USUAL = 0.75

# Free-running in float32: how many times as far apart as the twins of one side the two sides may
# be, as a logarithm, by phase (see `twins.Envelope.excess`). In the early phase this is 2 times,
# later, when chance events drive runs apart, 30 times. Two groups of 8 runs of one and the same
# framework exceed it in less than 1 of 1000 cases: `python scripts/measure_tolerances.py envelope`
# estimates this from runs of several seeds.
ENVELOPE_EXCESS = {"early": math.log(2), "middle": math.log(30), "late": math.log(30)}
TWINS = 7
"""Of each side, besides the run from the unchanged start."""
