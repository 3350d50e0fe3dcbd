"""The sound port holds on every rung, and the ladder's two sides are what really trains."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import keras_ref
import torch_cnn
from cnn_experiment import Convolution, Hidden, Network, load_mnist, preset
from parity_tests.comparison import assert_variables_close
from parity_tests.diagnosis import causes
from parity_tests.evidence import teacher_forced
from parity_tests.implementation import Implementation, State, Step
from parity_tests.keras_implementation import KerasReference
from parity_tests.known_differences import CATALOGUE
from parity_tests.ladder import FirstDifference, Ladder
from parity_tests.small import short_epoch, small_experiment
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


class ThatShows(TorchPort):
    """The sound port, but for what a test changes in each step it shows."""

    changes: Callable[[Step], Step]

    def step(self, state: State, images_nhwc: NDArray[Any], labels: NDArray[np.int64]) -> Step:
        """Change what is shown."""
        return self.changes(super().step(state, images_nhwc, labels))


def climbed(change: Callable[[Step], Step]) -> tuple[Ladder, FirstDifference | None]:
    experiment = small_experiment(3)
    reference, port = KerasReference(experiment), ThatShows(experiment)
    port.changes = change
    ladder = Ladder(port, reference)
    return ladder, ladder.climb(teacher_forced(reference))


def with_gradient(step: Step, value: NDArray[Any]) -> Step:
    return replace(step, gradients={**step.gradients, "dense_1/bias": value})


@pytest.mark.parametrize(
    ("change", "rung", "says"),
    [
        (lambda s: replace(s, gradients={}), "gradients", "is missing in ours"),
        (lambda s: replace(s, data_loss=math.nan), "data loss", "is not finite in ours: nan"),
        (lambda s: replace(s, penalty=math.inf), "penalty", "is not finite in ours: inf"),
        (lambda s: with_gradient(s, np.zeros(3)), "gradients", "has shape (3,), not (12,)"),
        (
            lambda s: with_gradient(s, s.gradients["dense_1/bias"].astype(np.float32)),
            "gradients",
            "has dtype float32, not float64",
        ),
        (
            lambda s: with_gradient(s, s.gradients["dense_1/bias"][::-1].copy()),
            "gradients",
            "relative",
        ),
        (lambda s: replace(s, hits=s.hits + 1), "epoch metrics", "accuracy"),
    ],
    ids=["missing", "NaN", "infinity", "shape", "dtype", "equal means", "hits"],
)
def test_what_a_port_shows_wrongly_is_found(
    change: Callable[[Step], Step], rung: str, says: str
) -> None:
    ladder, found = climbed(change)
    assert found is not None
    assert found.rung == rung
    assert says in str(found)
    judged = [r.name for r in ladder.rungs.values() if r.passed is not None]
    assert judged == list(RUNGS[: RUNGS.index(rung) + 1])


def test_a_loss_that_is_nan_in_free_running_only_is_found() -> None:
    class NaNOnItsOwn(TorchPort):
        free = False

        def step(self, state: State, images_nhwc: NDArray[Any], labels: NDArray[np.int64]) -> Step:
            step = super().step(state, images_nhwc, labels)
            self.free = not self.free  # the ladder takes each step forced first, then free
            return step if self.free else replace(step, data_loss=math.nan)

    experiment = small_experiment(3).with_changes(epochs=1)
    reference = KerasReference(experiment)
    ladder = Ladder(NaNOnItsOwn(experiment), reference)
    found = ladder.climb(teacher_forced(reference))
    assert found is not None
    assert found.rung == "trajectory"


def test_one_more_variable_is_told_by_name() -> None:
    class WithBatchNorm(TorchPort):
        def initial_state(self) -> State:
            state = super().initial_state()
            return replace(state, weights={**state.weights, "bn/gamma": np.ones(4)})

    experiment = small_experiment(3)
    reference = KerasReference(experiment)
    found = Ladder(WithBatchNorm(experiment), reference).climb(teacher_forced(reference))
    assert found is not None
    assert str(found).startswith(
        "parameter counts and shapes, before the first step: bn/gamma is m"
    )


def test_a_cause_is_named_on_kernels_that_are_not_square() -> None:
    network = Network(
        convolutions=(Convolution(filters=3, kernel_size=(5, 2)), Convolution(filters=4)),
        pools=((2, 3),),
        hidden=(Hidden(units=11),),
    )
    experiment = small_experiment(3).with_changes(network=network)
    reference, port = KerasReference(experiment), CATALOGUE["rho 0.99"](experiment)
    forced = list(teacher_forced(reference))
    found = Ladder(port, reference).climb(forced)
    assert found is not None
    assert causes(found, port, forced) == ["rho 0.99"]


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
