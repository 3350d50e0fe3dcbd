"""Twins: runs of one side whose initial weights are one ulp (unit in the last place) apart.

Training is chaotic: rounding alone drives two runs apart, even two runs of one side. The distances
between twins show how far, so the distance between the two sides is compared with them.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from parity_ladder.errors import LadderError
from parity_ladder.side import Arrays, B, Side, State, take_step
from parity_ladder.tolerances import Precision

SNAPSHOTS = 20
"""The number of steps, at most, after which the weights of a run are kept."""

Path = NDArray[np.floating[Any]]
"""All weights of a run, one row for each snapshot; shape (snapshots, weights)."""

PHASES = ("early", "middle", "late")
"""Thirds of the snapshots. Later, chance events such as a ReLU that switches drive runs apart."""


class Range(NamedTuple):
    """The logarithms of the smallest and of the largest distance; shape (snapshots,) each."""

    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]


@dataclass(frozen=True)
class Envelope:
    """The mean logarithm of the distances between runs at each snapshot; shape (snapshots,)."""

    steps: NDArray[np.int64]
    """The number of updates made at each snapshot."""
    ours: NDArray[np.float64]
    """Between runs of the port."""
    theirs: NDArray[np.float64]
    """Between runs of the reference."""
    across: NDArray[np.float64]
    """Between the port's runs and the reference's, each pair from two different starts."""
    ours_range: Range
    """The three ranges are only shown to the reader of a result; they are not judged."""
    theirs_range: Range
    across_range: Range

    @property
    def excess(self) -> dict[str, float]:
        """By phase, how many times as far apart the sides are as their twins, as a logarithm.

        The larger of two medians over the snapshots of a phase. One is of the ratio of the
        distances across (between the sides) to those within (between the twins of a side), one of
        the ratio of the distances within one side to those within the other. A single run that a
        chance event drives away adds as much across as within, so that it does not count.
        """
        apart = self.across - (self.ours + self.theirs) / 2
        spread = self.ours - self.theirs
        thirds = np.array_split(np.arange(len(self.steps)), len(PHASES))
        return {
            phase: float(max(np.median(apart[third]), abs(np.median(spread[third]))))
            for phase, third in zip(PHASES, thirds, strict=True)
            if len(third)
        }


def measure(
    port: Side[B],
    reference: Side[B],
    batches: Sequence[B],
    twins: int,
    on_step: Callable[[], object] = lambda: None,
    *,
    each_step: bool = False,
) -> Envelope:
    """Run both sides over the batches, each from the reference's start and from `twins` others.

    With `each_step` a twin is moved by one ulp after every step, too. In a network that is not
    chaotic, the rounding of all steps drives two implementations apart, not that of the start.
    """
    starts = twin_starts(start_of(reference), twins)
    paths = [
        run(side, start, batches, on_step, seed=number if each_step and number else None)
        for side in (port, reference)
        for number, start in enumerate(starts)
    ]
    return envelope(snapshots(len(batches)), log_distances(paths))


def envelope(steps: NDArray[np.int64], distances: NDArray[np.float64]) -> Envelope:
    """Compare the runs of the port, the first half, with those of the reference, the second half.

    Both halves begin at the same starts, in the same order. `distances` has the shape (runs, runs,
    snapshots), as `log_distances` returns it; `steps` has the shape (snapshots,).
    """
    half = len(distances) // 2
    different = ~np.eye(half, dtype=bool)  # leaves out a run and itself, or its own start
    quarters = (
        distances[:half, :half],
        distances[half:, half:],
        distances[:half, half:],
    )
    groups = [quarter[different] for quarter in quarters]
    return Envelope(
        steps,
        *(logs.mean(axis=0) for logs in groups),
        *(Range(logs.min(axis=0), logs.max(axis=0)) for logs in groups),
    )


def start_of(reference: Side[Any]) -> State:
    """Return the state before the reference's first step; raises `LadderError` for none."""
    state = reference.initial_state()
    if state is None:
        raise LadderError("the reference has no initial_state(); accepted: a side that shows it")
    return state


def precision_of(state: State) -> Precision:
    """Return float64 if all weights are, float32 if some are; arrays of integers do not count.

    Raises `LadderError` for weights in another dtype, and for none at all.
    """
    for name, array in state.weights.items():
        if not isinstance(array, np.ndarray):
            kind = type(array).__name__
            raise LadderError(f"initial weights: {name} is a {kind}; accepted: NumPy arrays")
    dtypes = {a.dtype.name for a in state.weights.values() if a.dtype.kind not in "biu" and a.size}
    if not dtypes or not dtypes <= {"float64", "float32"}:
        there = f"they are in {', '.join(sorted(dtypes))}" if dtypes else "there are none"
        raise LadderError(f"initial weights: {there}; accepted: weights in float64 or float32")
    return "float64" if dtypes == {"float64"} else "float32"


def twin_starts(start: State, twins: int) -> list[State]:
    """Return the start, and `twins` other states that are one ulp away from it."""
    return [start, *(moved_by_one_ulp(start, seed) for seed in range(twins))]


def moved_by_one_ulp(state: State, seed: int) -> State:
    """Return the state with each weight moved to the next number of its dtype, up or down.

    `seed` decides the directions. Integers stay as they are.
    """
    source = np.random.RandomState(seed)

    def moved(array: NDArray[Any]) -> NDArray[Any]:
        if array.dtype.kind in "biu":
            return array
        towards = np.where(source.random_sample(array.shape) < 0.5, -np.inf, np.inf)
        return np.asarray(np.nextafter(array, towards.astype(array.dtype)))

    weights: Arrays = {name: moved(array) for name, array in state.weights.items()}
    return replace(state, weights=weights)


def snapshots(steps: int) -> NDArray[np.int64]:
    """Return after which of so many steps the weights are kept: more often in the beginning.

    There a faulty implementation is seen most clearly; later any two runs are far apart.
    """
    return np.unique(np.geomspace(1, steps, SNAPSHOTS).round().astype(np.int64))


def run(
    side: Side[B],
    state: State,
    batches: Sequence[B],
    on_step: Callable[[], object] = lambda: None,
    seed: int | None = None,
) -> Path:
    """Return the weights at the snapshots of a free run over the batches, from `state`.

    With a `seed`, the weights are moved by one ulp after each step, in directions that it decides.
    """
    kept = snapshots(len(batches))
    names = list(state.weights)  # in one order for both sides
    rows = []
    for done, batch in enumerate(batches, start=1):
        state = take_step(side, state, batch).state
        if seed is not None:
            state = moved_by_one_ulp(state, seed * len(batches) + done)
        if done in kept:
            rows.append(np.concatenate([state.weights[name].ravel() for name in names]))
        on_step()
    return np.stack(rows)


def log_distances(paths: Sequence[Path]) -> NDArray[np.float64]:
    """Return the logarithm of the Euclidean distance of all weights between each two runs.

    Its shape is (runs, runs, snapshots). A run that is not finite has distances of NaN or infinity.
    """
    distances = np.zeros((len(paths), len(paths), len(paths[0])))
    for one, other in itertools.combinations(range(len(paths)), 2):
        with np.errstate(invalid="ignore", over="ignore"):  # infinity minus infinity
            apart = np.linalg.norm(paths[one].astype(np.float64) - paths[other], axis=1)
        distances[one, other] = distances[other, one] = np.log(np.maximum(apart, 1e-30))
    return distances
