"""What `climb` accepts, checked before anything is computed."""

from collections.abc import Mapping, Sequence

from parity_ladder.errors import LadderError
from parity_ladder.side import Side


def must_be_comparable(
    port: object, reference: object, batches: Sequence[object], known: object, twins: int
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
    if not batches:
        raise LadderError("batches: there are none; accepted: one or more")
    if known is not None and not hasattr(known, "port_with"):
        raise LadderError(f"known is of type {type(known).__name__}; accepted: a Catalogue")
    if twins < 2:
        raise LadderError(f"twins = {twins}: accepted: 2 or more")
