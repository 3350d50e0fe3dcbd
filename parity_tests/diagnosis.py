"""Why a port parts from the reference: the known difference that, switched on, agrees with it."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from parity_tests.evidence import (
    OF_A_STEP,
    Forced,
    Tensors,
    before_training,
    differences,
    of_epoch,
    of_step,
)
from parity_tests.implementation import Implementation, State
from parity_tests.known_differences import CATALOGUE, KnownDifference
from parity_tests.ladder import FirstDifference, without_tensors
from parity_tests.tolerances import of_rung

NO_STATE = State({}, {})
LOOKED_AT = 3
"""Steps from the first difference on: by one step, late and per-epoch schedules look alike."""


def causes(found: FirstDifference, port: Implementation, forced: Iterable[Forced]) -> list[str]:
    """Names of the known differences that do what `port` does, from its first difference on.

    `forced` is what the ladder climbed with. An empty list is the honest answer that no known
    difference explains it; so it is where only the trajectories part, since every single step was
    the same then.
    """
    if found.rung == "trajectory":
        return []
    taken = _to_look_at(found, port, forced)
    ours = list(_shown(found, port, taken))
    return [name for name, entry in CATALOGUE.items() if _agrees(entry, found, port, ours, taken)]


def _to_look_at(
    found: FirstDifference, port: Implementation, forced: Iterable[Forced]
) -> list[Forced]:
    if found.step is not None:
        return list(islice(forced, found.step, found.step + LOOKED_AT))
    if found.rung == "epoch metrics":
        epoch = islice(forced, port.experiment.steps_per_epoch)
        return [taken._replace(step=without_tensors(taken.step), state=NO_STATE) for taken in epoch]
    return []


def _shown(
    found: FirstDifference, implementation: Implementation, taken: Sequence[Forced]
) -> Iterator[tuple[str, Tensors]]:
    """What an implementation shows on the rung of the first difference, and on those above it."""
    if found.rung == "epoch metrics":  # every step agreed, so the reference's will do
        yield found.rung, of_epoch(implementation, [forced.step for forced in taken])
    elif found.step is None:
        yield found.rung, before_training(implementation, found.rung)
    else:
        for forced in taken:
            step = forced.taken_by(implementation)
            for rung in OF_A_STEP[OF_A_STEP.index(found.rung) :]:
                yield rung, of_step(implementation, forced, step, rung)


def _agrees(
    entry: type[KnownDifference],
    found: FirstDifference,
    port: Implementation,
    ours: Sequence[tuple[str, Tensors]],
    taken: Sequence[Forced],
) -> bool:
    """Whether the known difference shows the same as the port.

    Within the ladder's tolerances, and on the rung of the first difference ten times nearer than
    the reference is.
    """
    candidate = entry(port.experiment)
    try:
        theirs = list(_shown(found, candidate, taken))
    except (RuntimeError, ValueError):  # it cannot even run this experiment: shapes do not fit
        return False
    for (rung, mine), (_, other) in zip(ours, theirs, strict=True):
        allowed = of_rung(rung, port.experiment)
        if rung == found.rung:
            allowed = min(allowed, found.difference.relative / 10)
        for _, difference in differences(_as_numbers(mine), _as_numbers(other)):
            if difference.relative > allowed:
                return False
    return True


def _as_numbers(tensors: Tensors) -> Tensors:
    """NaN agrees with NaN here, where the question is whether two ports share a fault."""
    return {
        name: np.nan_to_num(array, nan=math.pi, posinf=math.e, neginf=-math.e)
        if array.dtype.kind == "f"
        else array
        for name, array in tensors.items()
    }
