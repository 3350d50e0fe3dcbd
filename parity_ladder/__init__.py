"""The parity ladder: says where and why two implementations of a training part.

    result = climb(port, reference, batches)
    print(result)
    result.write_page("proof.html")
    assert result.holds

`port` and `reference` are `Side`s. Nothing of a framework is loaded here.
"""

from parity_ladder.comparison import Difference, assert_arrays_close, assert_close, compare
from parity_ladder.diagnosis import Catalogue, KnownDifference
from parity_ladder.errors import LadderError
from parity_ladder.ladder import climb
from parity_ladder.result import Cause, Result, RungResult
from parity_ladder.rungs import RUNGS, Rung
from parity_ladder.side import Arrays, Shapes, Side, State, Step

__all__ = [
    "RUNGS",
    "Arrays",
    "Catalogue",
    "Cause",
    "Difference",
    "KnownDifference",
    "LadderError",
    "Result",
    "Rung",
    "RungResult",
    "Shapes",
    "Side",
    "State",
    "Step",
    "assert_arrays_close",
    "assert_close",
    "climb",
    "compare",
]
