"""One-ulp twins: how far they part, and that a faulty port parts further."""

from dataclasses import replace

import numpy as np
import pytest

from parity_ladder import State, Step
from parity_ladder.tolerances import ENVELOPE_EXCESS, TWINS
from parity_ladder.twins import (
    PHASES,
    envelope,
    log_distances,
    measure,
    moved_by_one_ulp,
    run,
    snapshots,
    start_of,
    twin_starts,
)
from parity_tests.digit_batches import DigitBatch
from parity_tests.keras_side import KerasReference
from parity_tests.known_differences import CATALOGUE
from parity_tests.small import small_experiment
from parity_tests.torch_side import TorchPort


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


def runs(source: np.random.RandomState, shift: float, width: float = 0.1) -> list[np.ndarray]:
    """Eight runs of 50 weights that part at random, around `shift`; six snapshots."""
    return [shift + source.normal(0, width, (6, 50)) for _ in range(8)]


def excess(ours: list[np.ndarray], theirs: list[np.ndarray]) -> dict[str, float]:
    return envelope(np.arange(1, 7), log_distances([*ours, *theirs])).excess


def beyond(found: dict[str, float]) -> list[str]:
    return [phase for phase, value in found.items() if value > ENVELOPE_EXCESS[phase]]


def test_runs_around_one_centre_have_no_excess_and_a_shifted_side_has() -> None:
    source = np.random.RandomState(0)
    assert max(excess(runs(source, 0.0), runs(source, 0.0)).values()) < 0.1
    assert beyond(excess(runs(source, 0.0), runs(source, 10.0))) == list(PHASES)


def test_a_side_that_scatters_more_has_an_excess() -> None:
    source = np.random.RandomState(0)
    assert "early" in beyond(excess(runs(source, 0.0, width=0.3), runs(source, 0.0)))
    assert "early" in beyond(excess(runs(source, 0.0), runs(source, 0.0, width=0.3)))


def test_parting_late_is_seen() -> None:
    source = np.random.RandomState(0)
    ours = runs(source, 0.0)
    for path in ours:
        path[4:] += 10.0
    assert beyond(excess(ours, runs(source, 0.0))) == ["late"]


def test_a_run_gone_astray_cancels_across() -> None:
    source = np.random.RandomState(0)
    ours, theirs = runs(source, 0.0), runs(source, 0.0)
    ours[0] += 1e3
    judged = envelope(np.arange(1, 7), log_distances([*ours, *theirs]))
    assert np.abs(judged.across - (judged.ours + judged.theirs) / 2).max() < 0.1


def test_the_ranges_hold_all_distances_within_and_across() -> None:
    source = np.random.RandomState(0)
    logs = log_distances([*runs(source, 0.0), *runs(source, 1.0)])
    judged = envelope(np.arange(1, 7), logs)
    pairs = np.triu_indices(8, k=1)
    np.testing.assert_array_equal(judged.ours_range.lowest, logs[:8, :8][pairs].min(axis=0))
    np.testing.assert_array_equal(judged.theirs_range.highest, logs[8:, 8:][pairs].max(axis=0))
    across = logs[:8, 8:][~np.eye(8, dtype=bool)]
    np.testing.assert_array_equal(judged.across_range.lowest, across.min(axis=0))
    np.testing.assert_array_equal(judged.across_range.highest, across.max(axis=0))


EXPERIMENT = small_experiment(steps=30).with_changes(dtype="float32")


@pytest.fixture(scope="module")
def reference() -> KerasReference:
    return KerasReference(EXPERIMENT)


def test_the_sound_port_stays_inside(reference: KerasReference) -> None:
    found = measure(TorchPort(EXPERIMENT), reference, reference.first_epoch(), TWINS)
    assert beyond(found.excess) == []


def paths(side: TorchPort | KerasReference, reference: KerasReference) -> list[np.ndarray]:
    starts = twin_starts(start_of(reference), TWINS)
    return [run(side, start, reference.first_epoch()) for start in starts]


@pytest.fixture(scope="module")
def reference_paths(reference: KerasReference) -> list[np.ndarray]:
    """The reference's own runs, which are the same whatever port they are compared with."""
    return paths(reference, reference)


class DecaysFromTheTenthStep(TorchPort):
    """Sound for nine steps, and within the float32 tolerances of a single step after."""

    def step(self, state: State, batch: DigitBatch) -> Step:  # noqa: D102
        step = super().step(state, batch)
        if state.iteration < 9:
            return step
        factor = np.float32(0.05 * self.learning_rate(state.iteration))
        shrunk = {
            name: array - factor * state.weights[name] for name, array in step.state.weights.items()
        }
        return replace(step, state=replace(step.state, weights=shrunk))


@pytest.mark.parametrize(
    "port_class",
    [CATALOGUE["epsilon 1e-8"].port, CATALOGUE["L2 on biases"].port, DecaysFromTheTenthStep],
)
def test_a_faulty_port_leaves_it(
    port_class: type[TorchPort], reference: KerasReference, reference_paths: list[np.ndarray]
) -> None:
    logs = log_distances([*paths(port_class(EXPERIMENT), reference), *reference_paths])
    assert beyond(envelope(snapshots(EXPERIMENT.steps_per_epoch), logs).excess)


def test_snapshots_begin_with_the_first_update_and_end_with_the_last() -> None:
    taken = snapshots(30)
    assert (taken[0], taken[-1]) == (1, 30)
