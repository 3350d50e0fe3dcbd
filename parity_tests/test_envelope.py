"""The envelope of one-ulp twins: what it is made of, and that it can be left."""

import numpy as np

from parity_tests.envelope import Envelope, moved_by_one_ulp
from parity_tests.implementation import State

SNAPSHOTS = np.arange(5)


def twins() -> np.ndarray:
    """Twenty pairs whose log distances grow by 1 a snapshot, spread by 0.1."""
    spread = np.random.RandomState(0).normal(0, 0.1, (20, 5))
    return np.asarray(np.arange(5) - 10 + spread)


def test_every_weight_is_moved_to_a_neighbour_in_both_directions() -> None:
    weights = {"dense_1/kernel": np.linspace(-1, 1, 1000, dtype=np.float32).reshape(50, 20)}
    moved = moved_by_one_ulp(State(weights, {}), seed=0).weights["dense_1/kernel"]
    assert moved.dtype == np.float32
    start = weights["dense_1/kernel"]
    up, down = np.nextafter(start, np.float32(np.inf)), np.nextafter(start, np.float32(-np.inf))
    assert np.all((moved == up) | (moved == down))
    assert 0.4 < (moved == up).mean() < 0.6


def test_a_pair_like_the_twins_stays_inside() -> None:
    envelope = Envelope(SNAPSHOTS, twins(), np.arange(5, dtype=np.float64) - 10)
    assert envelope.passed
    assert envelope.twins_outside == 0


def test_a_pair_that_parts_faster_at_one_snapshot_is_outside() -> None:
    cross = np.arange(5, dtype=np.float64) - 10
    cross[2] += 1.0
    assert not Envelope(SNAPSHOTS, twins(), cross).passed
