"""Why a port parts from the reference: the known difference that, switched on, agrees with it."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from parity_tests import tolerances
from parity_tests.implementation import Implementation
from parity_tests.known_differences import CATALOGUE
from parity_tests.ladder import (
    STEP_RUNGS,
    FirstDifference,
    Forced,
    Tensors,
    before_training,
    differences,
    of_step,
)

LOOKED_AT = 3
"""Steps from the first difference on: by one step, late and per-epoch schedules look alike."""


def causes(found: FirstDifference, port: Implementation, forced: Sequence[Forced]) -> list[str]:
    """Names of the known differences that do what `port` does, from its first difference on.

    `forced` holds the steps to look at: those from the first difference on, or any few steps where
    that lies before training or in the epoch's metrics. An empty list is the honest answer that no
    known difference explains it.
    """
    ours = list(evidence(found, port, forced))
    return [
        name
        for name, entry in CATALOGUE.items()
        if agree(ours, evidence(found, entry(port.experiment), forced), port.experiment.dtype)
    ]


def evidence(
    found: FirstDifference, implementation: Implementation, forced: Sequence[Forced]
) -> Iterator[tuple[str, Tensors]]:
    """What an implementation shows on the rung of the first difference, and on those above it."""
    if found.step is None and found.rung != "epoch metrics":
        yield found.rung, before_training(implementation, found.rung)
        return
    steps = (implementation.step(f.state, f.images_nhwc, f.labels) for f in forced)
    if found.rung == "epoch metrics":
        metrics = implementation.report(list(steps))._asdict()
        yield found.rung, {name: np.array(value) for name, value in metrics.items()}
        return
    for step in steps:
        for rung in STEP_RUNGS[STEP_RUNGS.index(found.rung) :]:
            yield rung, of_step(step, rung)


def agree(
    ours: Sequence[tuple[str, Tensors]],
    theirs: Iterator[tuple[str, Tensors]],
    dtype: tolerances.Dtype,
) -> bool:
    """Whether all the evidence is the same within the ladder's tolerances."""
    return all(
        difference.relative <= tolerances.of_one_step(rung, dtype)
        for (rung, mine), (_, other) in zip(ours, theirs, strict=True)
        for _, difference in differences(_nan_as_number(mine), _nan_as_number(other))
    )


def _nan_as_number(tensors: Tensors) -> Tensors:
    """NaN agrees with NaN here, where the question is whether two ports share a fault."""
    return {
        name: np.nan_to_num(array, nan=math.pi) if array.dtype.kind == "f" else array
        for name, array in tensors.items()
    }
