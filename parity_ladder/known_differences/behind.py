"""What lies behind a difference: the port gets the reference's values there, and goes on.

A mistake on a low rung makes everything above differ. Only a port without it shows the next one.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from parity_ladder.judging import FirstDifference
from parity_ladder.rungs import IN_A_STEP, Forced, LookingRung, Rung
from parity_ladder.side import Arrays, take_step

if TYPE_CHECKING:
    from parity_ladder.keras_side import KerasSide
    from parity_ladder.torch_side import TorchSide

UPDATE = ("optimizer state", "updated weights")
LOSSES = ("data loss", "penalty", "loss")
Skipped = set[tuple[str, str | None]]
"""Rungs with None, or single arrays of a rung."""


def shown_by_the_port(port: "TorchSide", rung: Rung, forced: Forced[Any]) -> Arrays:
    """Return what the port shows on a rung; on both rungs of the update for one of these."""
    if not isinstance(rung, LookingRung) or rung.name == "parameter counts and shapes":
        return {}
    if rung.when == "before the first step":
        return rung.show(port) or {}
    step = take_step(port, forced.state, forced.batch)
    if rung.name in UPDATE:
        return {**step.state.optimizer, **step.state.weights}
    return rung.show(port, forced, step) or {}


def shown_by_keras(reference: "KerasSide", rung: str, forced: Forced[Any]) -> Arrays:
    """Return what the reference shows on a rung; on both rungs of the update for one of these."""
    if rung == "initial optimizer state":
        return reference.optimizer_before_training() or {}
    if rung in UPDATE:
        return {**forced.step.state.optimizer, **forced.step.state.weights}
    looking = next(each for each in IN_A_STEP if each.name == rung)
    return looking.show(reference, forced, forced.step) or {}


def given_the_references(
    first: FirstDifference,
    explained: frozenset[str],
    port: "TorchSide",
    reference: "KerasSide",
    taken: Sequence[Forced[Any]],
) -> tuple["TorchSide", Skipped]:
    """Return the port with the reference's values at a place, and what is not looked at again.

    `explained` are the arrays that the cause speaks of: a mistake in the order of layers explains
    the outputs of several. `taken` are steps that the reference has taken.
    """
    from parity_ladder.torch_side.given import Given

    rung, array = first.rung.name, first.array
    skipped: Skipped = {(rung, None)}
    given = port.gets or Given(reference, taken)
    if rung == "layer outputs":
        arrays = explained | {array}
        skipped = {(rung, each) for each in arrays}
        given = replace(given, layers=given.layers | arrays, gradients=True)
    elif rung in LOSSES:
        skipped = {(name, None) for name in LOSSES}
        given = replace(given, gradients=True)
    elif rung == "gradients":
        given = replace(given, gradients=True)
    elif rung == "clipped gradients":
        given = replace(given, gradients=True, clipped=True)
    elif rung == "learning rate":
        given = replace(given, rate=True)
    elif rung in UPDATE:
        skipped = _explained_of_an_update(explained, reference, taken[0])
    elif rung == "statistics":  # which are among the weights after the update, too
        skipped = {(rung, array), ("updated weights", array)}
    else:
        skipped = {(rung, array)}
    return port.given(given), skipped


def _explained_of_an_update(
    explained: frozenset[str], reference: "KerasSide", forced: Forced[Any]
) -> Skipped:
    """Return what is explained of an update: all of the variables that the entry speaks of.

    The others may differ for another reason. Without an entry, none is looked for.
    """
    variables = reference.variables.keys()
    of = {name if name in variables else name.partition("/")[2] for name in explained}
    if not of or not of <= variables:
        return {(name, None) for name in UPDATE}
    arrays = shown_by_keras(reference, UPDATE[0], forced)
    return {
        (rung, name)
        for rung in UPDATE
        for name in arrays
        if name in of or name.partition("/")[2] in of
    }
