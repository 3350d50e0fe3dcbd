"""What `climb` accepts, checked before anything is computed."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from parity_ladder.errors import LadderError
from parity_ladder.side import Side


def taken(batches: object, steps: int | None) -> Sequence[Any]:
    """Return the batches as a sequence, at most `steps` of them.

    Raises `LadderError` for something that yields no batches, and for too small a number of steps.
    """
    if steps is not None and steps < 1:
        raise LadderError(f"steps = {steps}: accepted: 1 or more")
    if isinstance(batches, Sequence):
        return batches if steps is None else batches[:steps]
    if not isinstance(batches, Iterable) or isinstance(batches, np.ndarray | Mapping | str):
        what = type(batches).__name__
        raise LadderError(f"batches are of type {what}; accepted: a list, or what yields batches")
    return list(islice(batches, steps))


def must_be_comparable(
    port: object, reference: object, batches: object, known: object, twins: int
) -> None:
    """Raise `LadderError` for arguments of `climb` that it could not use, or that prove nothing."""
    for name, side in (("port", port), ("reference", reference)):
        if not isinstance(side, Side):
            raise LadderError(f"{name} is of type {type(side).__name__}; accepted: a Side")
        if not isinstance(shapes := side.variable_shapes(), Mapping):
            raise LadderError(
                f"variable_shapes() of the {name} returned {shapes!r}; accepted: a shape by the"
                " name of each variable, without which a wrong size could not be seen"
            )
    if port is reference:
        raise LadderError(
            "port and reference are one object, which always agrees with itself; accepted: two"
        )
    if not isinstance(batches, Sequence):
        what = type(batches).__name__
        raise LadderError(f"batches are of type {what}; accepted: a sequence, such as a list")
    if not batches:
        raise LadderError("batches: there are none; accepted: one or more")
    if known is not None and not hasattr(known, "port_with"):
        raise LadderError(f"known is of type {type(known).__name__}; accepted: a Catalogue")
    if twins < 2:
        raise LadderError(f"twins = {twins}: accepted: 2 or more")
