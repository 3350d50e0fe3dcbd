"""A run that goes on from any of its states does what it would have done, in either backend."""

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import keras_ref
import torch_cnn
from cnn_experiment import (
    Checkpoint,
    Digits,
    Experiment,
    Nadam,
    UserError,
    initial_weights,
    load_mnist,
    read_checkpoint,
)
from parity_ladder import assert_arrays_close
from parity_tests.random_digits import random_digits
from parity_tests.small import small_experiment

BACKENDS = {"torch": torch_cnn, "keras": keras_ref}
STEPS = 5


class States:
    """Keeps the state after every step."""

    def __init__(self) -> None:
        self.after: dict[int, Checkpoint] = {}

    def is_due(self, iteration: int) -> bool:
        """Every time."""
        return iteration > 0

    def keep(self, checkpoint: Checkpoint) -> None:
        """Put it under its count of updates."""
        self.after[checkpoint.iteration] = checkpoint


def states(
    backend: ModuleType, experiment: Experiment, digits: Digits, start: Checkpoint | None = None
) -> dict[int, Checkpoint]:
    kept = States()
    backend.train(experiment, digits, device="cpu", keeper=kept, start=start)
    return kept.after


def assert_same_state(one: Checkpoint, other: Checkpoint) -> None:
    assert_arrays_close(one.weights, other.weights, 0.0)
    assert_arrays_close(one.optimizer_state, other.optimizer_state, 0.0)
    assert (one.epoch, one.batch) == (other.epoch, other.batch)
    assert without_seconds(one.tally) == without_seconds(other.tally)
    assert list(map(without_seconds, one.history)) == list(map(without_seconds, other.history))


def without_seconds(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = value.model_dump(exclude={"seconds"})
    return found


def before_the_first_step(experiment: Experiment) -> Checkpoint:
    weights = initial_weights(experiment.network, experiment.seed, experiment.dtype)
    return Checkpoint(experiment, weights, experiment.initial_optimizer_state())


@pytest.fixture(scope="module", params=["rmsprop", "nadam"])
def experiment(request: pytest.FixtureRequest) -> Experiment:
    """Two epochs of five batches, the last one short; in float32, where an order shows."""
    small = small_experiment(STEPS).with_changes(dtype="float32", epochs=2)
    return small if request.param == "rmsprop" else small.with_changes(optimizer=Nadam())


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> ModuleType:
    return BACKENDS[request.param]


@pytest.fixture(scope="module")
def alone(backend: ModuleType, experiment: Experiment) -> dict[int, Checkpoint]:
    """All states of the run that nobody stopped."""
    found = states(backend, experiment, random_digits(experiment))
    assert list(found) == list(range(1, 2 * STEPS + 1))
    return found


@pytest.mark.parametrize(
    "stops",
    [(0,), (STEPS,), (2, 4), (STEPS - 1,), (STEPS, STEPS + 1, STEPS + 3)],
    ids=[
        "before the first step",
        "at an epoch's end",
        "twice within an epoch",
        "before its last step",
        "at an epoch's end and twice in the next",
    ],
)
def test_a_resumed_run_is_the_run_that_stayed(
    backend: ModuleType,
    experiment: Experiment,
    alone: dict[int, Checkpoint],
    stops: tuple[int, ...],
    tmp_path: Any,
) -> None:
    digits = random_digits(experiment)
    known = {0: before_the_first_step(experiment)} | alone
    for stop in stops:
        file = tmp_path / "state.safetensors"
        file.write_bytes(known[stop].to_bytes())
        found = states(backend, experiment, digits, read_checkpoint(file))
        assert list(found) == list(range(stop + 1, 2 * STEPS + 1))
        for iteration, state in found.items():
            assert_same_state(state, alone[iteration])
        known = found  # stop the next time in what was resumed


def test_a_run_goes_on_for_more_epochs(backend: ModuleType, experiment: Experiment) -> None:
    digits = random_digits(experiment)
    longer = states(backend, experiment, digits)
    short = states(backend, experiment.with_changes(epochs=1), digits)
    assert_same_state(states(backend, experiment, digits, short[STEPS])[2 * STEPS], longer[10])


def test_a_state_of_another_experiment_is_refused(
    backend: ModuleType, experiment: Experiment, alone: dict[int, Checkpoint]
) -> None:
    digits = random_digits(experiment)
    with pytest.raises(UserError, match="of another experiment: seed differ; accepted: its own"):
        backend.train(experiment.with_changes(seed=1), digits, start=alone[3])
    with pytest.raises(
        UserError,
        match="epochs = 1: the checkpoint has 1 epoch and 2 batches, step 7; accepted: at least 2",
    ):
        backend.train(experiment.with_changes(epochs=1), digits, start=alone[STEPS + 2])


def test_a_state_that_is_not_finite_is_not_written(experiment: Experiment) -> None:
    state = before_the_first_step(experiment)
    weights = {name: array * np.nan for name, array in state.weights.items()}
    with pytest.raises(UserError, match="weights/conv2d_1/kernel holds a number that is not fini"):
        replace(state, weights=weights).to_bytes()


@pytest.fixture(scope="module")
def two_hundred_steps() -> tuple[Experiment, Digits, dict[str, dict[int, Checkpoint]]]:
    """One epoch of a small network in float64, real images, in both backends."""
    experiment = small_experiment(200).with_changes(epochs=1)
    digits = load_mnist(experiment)
    runs = {name: states(backend, experiment, digits) for name, backend in BACKENDS.items()}
    return experiment, digits, runs


@pytest.mark.parametrize(("giver", "taker"), [("torch", "keras"), ("keras", "torch")])
def test_hand_over_at_step_100_of_200(
    giver: str,
    taker: str,
    two_hundred_steps: tuple[Experiment, Digits, dict[str, dict[int, Checkpoint]]],
) -> None:
    """Every later loss, and the weights at the end, are those of the run that stayed."""
    experiment, digits, runs = two_hundred_steps
    stayed = runs[giver]
    went = states(BACKENDS[taker], experiment, digits, stayed[100])
    assert list(went) == list(range(101, 201))
    for iteration in range(101, 200):
        ours, theirs = (
            (run[iteration].tally.loss - before) / experiment.batch_size
            for run, before in (
                (went, (stayed | went if iteration > 101 else stayed)[iteration - 1].tally.loss),
                (stayed, stayed[iteration - 1].tally.loss),
            )
        )
        assert ours == pytest.approx(theirs, rel=0, abs=1e-12), iteration
    assert went[200].history[0].val_loss == pytest.approx(
        stayed[200].history[0].val_loss, rel=0, abs=1e-12
    )
    assert_arrays_close(went[200].weights, stayed[200].weights, 1e-12)
    assert_arrays_close(went[200].optimizer_state, stayed[200].optimizer_state, 1e-12)
