"""The parity ladder: it shows where and why two implementations of a training differ.

    result = climb(port, reference, batches)
    print(result)
    result.write_page("proof.html")
    assert result.holds

`port` and `reference` are `Side`s. No framework is loaded here. The words that are used throughout:

- The **ladder** is a list of comparisons in a fixed order, from the data to a whole epoch. Each of
  them is a **rung**. The first rung that fails shows which part of the port is wrong.
- **Teacher-forced**: the port takes each step from the reference's state, not from its own, so that
  its errors do not add up. **Free-running**: a side goes on from its own state.
- An **ulp**, a unit in the last place, is the distance from a number to the next number of its
  dtype. A **twin** is a second run of one side, whose initial weights are one ulp away. It shows
  how far rounding alone drives two runs apart.
- A **known difference** is a mistake that ports often make. Put into a sound port on purpose, it is
  a **planted fault**. If the port with the fault behaves as the examined port does, the fault is
  named as the cause.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from parity_ladder.catalogue import Catalogue, KnownDifference
from parity_ladder.comparison import Difference, assert_arrays_close, assert_close, compare
from parity_ladder.errors import LadderError
from parity_ladder.import_order import settle_triton
from parity_ladder.ladder import climb
from parity_ladder.result import Cause, Result, RungResult
from parity_ladder.rungs import RUNGS, Rung
from parity_ladder.side import Arrays, Shapes, Side, State, Step

settle_triton()  # before PyTorch and TensorFlow are loaded in one process

if TYPE_CHECKING:
    from parity_ladder.keras_side import KerasSide
    from parity_ladder.pairing import Pairs, pair
    from parity_ladder.torch_side import TorchSide

_LOADS_A_FRAMEWORK = {
    "KerasSide": "parity_ladder.keras_side",
    "Pairs": "parity_ladder.pairing",
    "TorchSide": "parity_ladder.torch_side",
    "pair": "parity_ladder.pairing",
}


def __getattr__(name: str) -> Any:
    """Load what needs a framework only when it is asked for."""
    if name in _LOADS_A_FRAMEWORK:
        return getattr(import_module(_LOADS_A_FRAMEWORK[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "RUNGS",
    "Arrays",
    "Catalogue",
    "Cause",
    "Difference",
    "KerasSide",
    "KnownDifference",
    "LadderError",
    "Pairs",
    "Result",
    "Rung",
    "RungResult",
    "Shapes",
    "Side",
    "State",
    "Step",
    "TorchSide",
    "assert_arrays_close",
    "assert_close",
    "climb",
    "compare",
    "pair",
]
