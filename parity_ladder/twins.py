"""How far a run parts from its own twin, which begins one unit in the last place away.

Training is chaotic: rounding alone drives two runs apart, those of one framework too. So the
distance between the frameworks is held against the distances between such twins of one framework,
which is all that rounding explains.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from parity_ladder.errors import LadderError
from parity_ladder.side import Arrays, B, Side, State

SNAPSHOTS = 20

Path = NDArray[np.floating[Any]]
"""All weights of a run, one row a snapshot; shape (snapshots, weights)."""


PHASES = ("early", "middle", "late")
"""Thirds of the snapshots: before chance events set in, while they do, and after."""


class Range(NamedTuple):
    """Logarithms of the smallest and of the largest distance; shape (snapshots,) each."""

    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]


@dataclass(frozen=True)
class Envelope:
    """Mean logarithms of the distances between runs at each snapshot; shape (snapshots,)."""

    steps: NDArray[np.int64]
    """Counts of updates at which the distances were taken."""
    ours: NDArray[np.float64]
    """Between runs of the port."""
    theirs: NDArray[np.float64]
    """Between runs of the reference."""
    across: NDArray[np.float64]
    """Between the port's runs and the reference's, no two from the same start."""
    ours_range: Range
    """Shown to a person, not judged; so are the two ranges below."""
    theirs_range: Range
    across_range: Range

    @property
    def excess(self) -> dict[str, float]:
        """By phase, how much further the frameworks part than their twins, as a logarithm.

        The median over the phase's snapshots of the logarithm of the ratio of geometric means: of
        the distances across and within, or of those within either framework, whichever is larger. A
        run that a chance event sends astray counts across as much as within, so that it cancels.
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
) -> Envelope:
    """Run both sides over the batches, from the same start and from `twins` others each."""
    starts = twin_starts(start_of(reference), twins)
    paths = [run(side, start, batches, on_step) for side in (port, reference) for start in starts]
    return envelope(snapshots(len(batches)), log_distances(paths))


def envelope(steps: NDArray[np.int64], distances: NDArray[np.float64]) -> Envelope:
    """Compare the first half of the runs with the second, which are from the same starts in turn.

    `distances` is what `log_distances` returns of them, and `steps` the snapshots.
    """
    half = len(distances) // 2
    different = ~np.eye(half, dtype=bool)
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
    """Return the state before the reference's first step."""
    state = reference.initial_state()
    if state is None:
        raise LadderError("the reference has no initial_state(); accepted: a side that shows it")
    return state


def twin_starts(start: State, twins: int) -> list[State]:
    """Return the start, and `twins` others that are one ulp away from it."""
    return [start, *(moved_by_one_ulp(start, seed) for seed in range(twins))]


def moved_by_one_ulp(state: State, seed: int) -> State:
    """Return the state with each weight moved to its next neighbour, up or down at random."""
    source = np.random.RandomState(seed)

    def moved(array: NDArray[Any]) -> NDArray[Any]:
        towards = np.where(source.random_sample(array.shape) < 0.5, -np.inf, np.inf)
        return np.asarray(np.nextafter(array, towards.astype(array.dtype)))

    weights: Arrays = {name: moved(array) for name, array in state.weights.items()}
    return replace(state, weights=weights)


def snapshots(steps: int) -> NDArray[np.int64]:
    """Counts of updates, of so many, at which weights are looked at, closer together at first.

    There two faulty implementations part most clearly; later any two runs are far apart.
    """
    return np.unique(np.geomspace(1, steps, SNAPSHOTS).round().astype(np.int64))


def run(
    side: Side[B],
    state: State,
    batches: Sequence[B],
    on_step: Callable[[], object] = lambda: None,
) -> Path:
    """Return the weights of a free run over the batches at the snapshots."""
    looked_at = snapshots(len(batches))
    rows = []
    for done, batch in enumerate(batches, start=1):
        state = side.step(state, batch).state
        if done in looked_at:
            rows.append(np.concatenate([a.ravel() for a in state.weights.values()]))
        on_step()
    return np.stack(rows)


def log_distances(paths: Sequence[Path]) -> NDArray[np.float64]:
    """Logarithm of the Euclidean distance over all weights, shape (runs, runs, snapshots)."""
    distances = np.zeros((len(paths), len(paths), len(paths[0])))
    for one, other in itertools.combinations(range(len(paths)), 2):
        apart = np.linalg.norm(paths[one].astype(np.float64) - paths[other], axis=1)
        distances[one, other] = distances[other, one] = np.log(np.maximum(apart, 1e-30))
    return distances
