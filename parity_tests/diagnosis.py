"""Why a port parts from the reference: the known difference that, switched on, agrees with it."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from cnn_experiment import Experiment
from parity_tests.evidence import (
    OF_A_STEP,
    Forced,
    Tensors,
    before_training,
    differences,
    of_epoch,
    of_step,
)
from parity_tests.implementation import Implementation
from parity_tests.known_differences import CATALOGUE
from parity_tests.ladder import FirstDifference
from parity_tests.tolerances import of_rung

LOOKED_AT = 3
"""Steps from the first difference on: by one step, late and per-epoch schedules look alike."""


def causes(found: FirstDifference, port: Implementation, forced: Iterable[Forced]) -> list[str]:
    """Names of the known differences that do what `port` does, from its first difference on.

    `forced` is the reference's first epoch, as for the ladder's climb. An empty list is the honest
    answer that no known difference explains it; so it is where only the trajectories part, since
    every single step was the same then.
    """
    if found.rung == "trajectory":
        return []
    if found.step is not None:
        looked_at = list(islice(forced, found.step, found.step + LOOKED_AT))
    else:
        looked_at = list(forced) if found.rung == "epoch metrics" else []
    ours = list(evidence(found, port, looked_at))
    return [
        name
        for name, entry in CATALOGUE.items()
        if agree(ours, evidence(found, entry(port.experiment), looked_at), port.experiment)
    ]


def evidence(
    found: FirstDifference, implementation: Implementation, forced: Sequence[Forced]
) -> Iterator[tuple[str, Tensors]]:
    """What an implementation shows on the rung of the first difference, and on those above it."""
    if found.rung == "epoch metrics":
        steps = [taken.taken_by(implementation) for taken in forced]
        yield found.rung, of_epoch(implementation, steps)
    elif found.step is None:
        yield found.rung, before_training(implementation, found.rung)
    else:
        for taken in forced:
            step = taken.taken_by(implementation)
            for rung in OF_A_STEP[OF_A_STEP.index(found.rung) :]:
                yield rung, of_step(implementation, taken, step, rung)


def agree(
    ours: Sequence[tuple[str, Tensors]],
    theirs: Iterator[tuple[str, Tensors]],
    experiment: Experiment,
) -> bool:
    """Whether all the evidence is the same within the ladder's tolerances."""
    return all(
        difference.relative <= of_rung(rung, experiment)
        for (rung, mine), (_, other) in zip(ours, theirs, strict=True)
        for _, difference in differences(_nan_as_number(mine), _nan_as_number(other))
    )


def _nan_as_number(tensors: Tensors) -> Tensors:
    """NaN agrees with NaN here, where the question is whether two ports share a fault."""
    return {
        name: np.nan_to_num(array, nan=math.pi) if array.dtype.kind == "f" else array
        for name, array in tensors.items()
    }
