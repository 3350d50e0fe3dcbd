"""The calls of layers in the latest steps, which the search for causes looks at again and again."""

from collections import deque
from typing import Any

from parity_ladder.keras_side.watching import LayerCall
from parity_ladder.side import State, have_same_weights

KEPT = 3
"""The number of steps: as many as the search for causes looks at."""


class LatestCalls:
    """The calls by state and batch. Whoever gets them only reads them."""

    def __init__(self) -> None:
        self._kept: deque[tuple[State, Any, list[LayerCall]]] = deque(maxlen=KEPT)

    def of(self, state: State, batch: Any) -> list[LayerCall] | None:
        """Return the calls of a step from this state with this batch; None if not kept."""
        for its_state, its_batch, calls in self._kept:
            if its_batch is batch and have_same_weights(its_state, state):
                return calls
        return None

    def keep(self, state: State, batch: Any, calls: list[LayerCall]) -> None:
        """Keep the calls, and forget those of an earlier step."""
        self._kept.append((state, batch, calls))
