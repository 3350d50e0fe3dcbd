"""The envelope of one-ulp twins: what it is made of, and that it can be left."""

import numpy as np
import pytest

from parity_tests.envelope import (
    Envelope,
    envelope,
    log_distances,
    measure,
    moved_by_one_ulp,
    snapshots,
)
from parity_tests.implementation import State
from parity_tests.keras_implementation import KerasReference
from parity_tests.known_differences import CATALOGUE
from parity_tests.small import small_experiment
from parity_tests.tolerances import ENVELOPE_EXCESS
from parity_tests.torch_implementation import TorchPort

TWINS = 4
STEPS = np.array([1, 2, 3])


def test_every_weight_is_moved_to_a_neighbour_in_both_directions() -> None:
    weights = {"dense_1/kernel": np.linspace(-1, 1, 1000, dtype=np.float32).reshape(50, 20)}
    moved = moved_by_one_ulp(State(weights, {}), seed=0).weights["dense_1/kernel"]
    assert moved.dtype == np.float32
    start = weights["dense_1/kernel"]
    up, down = np.nextafter(start, np.float32(np.inf)), np.nextafter(start, np.float32(-np.inf))
    assert np.all((moved == up) | (moved == down))
    assert 0.4 < (moved == up).mean() < 0.6


def test_distances_are_euclidean_and_logarithmic() -> None:
    here, there = np.zeros((2, 4), np.float32), np.array([[3, 0, 4, 0], [0, 0, 0, 1]], np.float32)
    distances = log_distances([here, there])
    assert distances.shape == (2, 2, 2)
    np.testing.assert_allclose(distances[0, 1], np.log([5, 1]))


def runs(source: np.random.RandomState, shift: float, count: int = 5) -> list[np.ndarray]:
    """Runs of 50 weights that part by 0.1 at random, around `shift`; three snapshots."""
    return [shift + source.normal(0, 0.1, (3, 50)) for _ in range(count)]


def test_runs_around_one_centre_have_no_excess_and_a_shifted_side_has() -> None:
    source = np.random.RandomState(0)
    same = envelope(STEPS, log_distances([*runs(source, 0.0), *runs(source, 0.0)]))
    assert abs(same.excess) < 0.1
    apart = envelope(STEPS, log_distances([*runs(source, 0.0), *runs(source, 1.0)]))
    assert apart.excess > ENVELOPE_EXCESS


def test_a_run_gone_astray_cancels() -> None:
    source = np.random.RandomState(0)
    ours, theirs = runs(source, 0.0), runs(source, 0.0)
    ours[0] += 1e3
    assert abs(envelope(STEPS, log_distances([*ours, *theirs])).excess) < 0.1


def measured(port_class: type[TorchPort]) -> Envelope:
    experiment = small_experiment(steps=30).with_changes(dtype="float32")
    return measure(port_class(experiment), KerasReference(experiment), TWINS)


def test_the_sound_port_stays_inside() -> None:
    inside = measured(TorchPort)
    assert inside.excess < ENVELOPE_EXCESS
    assert len(inside.steps) == len(inside.within) == len(inside.across)


@pytest.mark.parametrize("name", ["epsilon 1e-8", "schedule one step late", "L2 on biases"])
def test_a_faulty_port_leaves_it(name: str) -> None:
    assert measured(CATALOGUE[name]).excess > ENVELOPE_EXCESS


def test_snapshots_begin_with_the_first_update_and_end_with_the_last() -> None:
    taken = snapshots(KerasReference(small_experiment(steps=30)))
    assert (taken[0], taken[-1]) == (1, 30)
