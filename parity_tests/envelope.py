"""The float32 trajectory: as close to the reference as a run stays to its own twins.

Training is chaotic: a run whose initial weights are moved by one unit in the last place parts from
itself as fast as the two frameworks part. So the distance between the frameworks is held against
the distances among such twins of one framework, which is all that rounding explains.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from cnn_experiment.variables import Variables
from parity_tests.implementation import Implementation, State

FALSE_ALARMS = 1e-3
"""How often a sound pair may fall outside, by estimate."""
SNAPSHOTS = 15

Path = NDArray[np.float64]
"""All weights of a run in one row a snapshot, shape (snapshots, weights)."""


@dataclass(frozen=True)
class Envelope:
    """Log distances of pairs of runs, shape (pairs, snapshots), and what they allow."""

    snapshots: NDArray[np.int64]
    """Counts of updates at which the distances were taken."""
    twins: NDArray[np.float64]
    cross: NDArray[np.float64]
    """Between the port and the reference, from the same start; shape (snapshots,)."""

    def excess(self, distances: NDArray[np.float64]) -> Any:
        """Largest log ratio to the twins' geometric mean over the snapshots."""
        return (distances - self.twins.mean(axis=0)).max(axis=-1)

    @property
    def limit(self) -> float:
        """Excess that a sound pair goes beyond once in 1 / FALSE_ALARMS, fitted to the twins."""
        excess = self.excess(self.twins)
        return float(excess.mean() + norm.isf(FALSE_ALARMS) * excess.std(ddof=1))

    @property
    def passed(self) -> bool:
        """Whether the port stays inside."""
        return bool(self.excess(self.cross) <= self.limit)

    @property
    def twins_outside(self) -> int:
        """Count of twin pairs beyond the limit."""
        return int((self.excess(self.twins) > self.limit).sum())


def measure(port: Implementation, reference: Implementation, twins: int) -> Envelope:
    """Run both implementations for one epoch, from the same start and from `twins` others each."""
    batches = reference.batches(0)
    snapshots = np.unique(np.linspace(1, len(batches), SNAPSHOTS).astype(np.int64))
    start = reference.initial_state()
    starts = [start, *(moved_by_one_ulp(start, seed) for seed in range(twins))]
    paths = {
        name: [run(implementation, state, batches, snapshots) for state in starts]
        for name, implementation in (("port", port), ("reference", reference))
    }
    pairs = [
        log_distance(one, other)
        for own in paths.values()
        for one, other in itertools.combinations(own, 2)
    ]
    cross = log_distance(paths["port"][0], paths["reference"][0])
    return Envelope(snapshots, np.stack(pairs), cross)


def moved_by_one_ulp(state: State, seed: int) -> State:
    """Return the state with each weight moved to its next neighbour, up or down at random."""
    source = np.random.RandomState(seed)

    def moved(array: NDArray[Any]) -> NDArray[Any]:
        towards = np.where(source.random_sample(array.shape) < 0.5, -np.inf, np.inf)
        return np.asarray(np.nextafter(array, towards.astype(array.dtype)))

    weights: Variables = {name: moved(array) for name, array in state.weights.items()}
    return State(weights, state.velocity, state.momentum, state.iteration)


def run(
    implementation: Implementation,
    state: State,
    batches: Sequence[NDArray[np.int64]],
    snapshots: NDArray[np.int64],
) -> Path:
    """Weights of a free run at the snapshots."""
    digits = implementation.digits()
    rows = []
    for done, batch in enumerate(batches, start=1):
        images, labels = digits.train_images_nhwc[batch], digits.train_labels[batch]
        state = implementation.step(state, images, labels).state
        if done in snapshots:
            rows.append(np.concatenate([a.ravel() for a in state.weights.values()]))
    return np.stack(rows).astype(np.float64)


def log_distance(one: Path, other: Path) -> NDArray[np.float64]:
    """Natural logarithm of the Euclidean distance over all weights, at each snapshot."""
    distance = np.linalg.norm(one - other, axis=1)
    return np.asarray(np.log(np.maximum(distance, 1e-30)))
