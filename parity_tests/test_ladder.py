"""The sound port holds on every rung, and the ladder's two sides are what really trains."""

import pytest

import keras_ref
import torch_cnn
from cnn_experiment import load_mnist, preset
from parity_tests.comparison import assert_variables_close
from parity_tests.evidence import teacher_forced
from parity_tests.implementation import Implementation, State, Step
from parity_tests.keras_implementation import KerasReference
from parity_tests.ladder import Ladder
from parity_tests.small import short_epoch
from parity_tests.tolerances import RUNGS
from parity_tests.torch_implementation import TorchPort


def test_a_hundred_steps_hold_on_every_rung_in_float64(device: str) -> None:
    experiment = short_epoch(preset("article-3-addendum").with_changes(dtype="float64"), 100)
    assert experiment.steps_per_epoch == 100
    assert experiment.data.train_images % experiment.batch_size == 32
    reference = KerasReference(experiment)
    ladder = Ladder(TorchPort(experiment, device), reference)
    assert ladder.climb(teacher_forced(reference)) is None
    assert [rung.name for rung in ladder.rungs.values() if rung.passed] == list(RUNGS)
    assert ladder.loss_max_difference < 1e-12
    assert ladder.weight_max_difference < 1e-11


def test_a_few_steps_hold_in_float32(device: str) -> None:
    experiment = short_epoch(preset("article-3").with_changes(epochs=2), 4)
    reference = KerasReference(experiment)
    ladder = Ladder(TorchPort(experiment, device), reference)
    assert ladder.climb(teacher_forced(reference)) is None


def first_epoch(implementation: Implementation) -> tuple[list[Step], State]:
    state, steps = implementation.initial_state(), []
    digits = implementation.digits()
    for batch in implementation.batches(0):
        images, labels = digits.train_images_nhwc[batch], digits.train_labels[batch]
        steps.append(implementation.step(state, images, labels))
        state = steps[-1].state
    return steps, state


@pytest.mark.parametrize(
    ("side", "backend"),
    [(TorchPort, torch_cnn), (KerasReference, keras_ref)],
    ids=["torch", "keras"],
)
def test_a_side_of_the_ladder_is_what_trains(side: type, backend: object) -> None:
    """Step by step through the ladder's eyes, against one call of `train` (for Keras: `fit`)."""
    experiment = preset("article-3-addendum").with_changes(dtype="float64", epochs=1)
    experiment = short_epoch(experiment, 12)
    model, history = backend.train(experiment, load_mnist(experiment))  # type: ignore[attr-defined]
    implementation = side(experiment)
    steps, state = first_epoch(implementation)
    weights = backend.neutral_weights(model)  # type: ignore[attr-defined]
    assert_variables_close(state.weights, weights, 1e-13)
    reported = implementation.report(steps)
    assert reported.loss == pytest.approx(history[0].loss, rel=0, abs=1e-13)
    assert reported.accuracy == pytest.approx(history[0].accuracy, rel=0, abs=1e-13)
