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
from cnn_experiment import Convolution, Data, Hidden, Network, load_mnist, preset
from cnn_experiment.backend import Backend
from parity_ladder import RUNGS, Result, State, Step, assert_arrays_close
from parity_tests.climbing import climb_experiment
from parity_tests.digit_batches import DigitBatch
from parity_tests.keras_side import KerasReference
from parity_tests.known_differences import CATALOGUE
from parity_tests.small import short_epoch, small_experiment
from parity_tests.torch_side import TorchPort
from torch_cnn import process
from torch_cnn.shares import Shares

NAMES = [rung.name for rung in RUNGS if not rung.optional]


@pytest.fixture(scope="module")
def reference() -> KerasReference:
    """Keras on three small steps, and the first of the next epoch."""
    return KerasReference(small_experiment(3))


@pytest.mark.parametrize("steps", [20, pytest.param(100, marks=pytest.mark.slow)])
def test_the_published_network_holds_on_every_rung_in_float64(steps: int, device: str) -> None:
    experiment = short_epoch(preset("article-3-addendum").with_changes(dtype="float64"), steps)
    assert experiment.steps_per_epoch == steps
    assert experiment.data.train_images % experiment.batch_size == 32
    result = climb_experiment(TorchPort(experiment, device), KerasReference(experiment))
    assert result.holds, result.verdict
    assert [rung.rung for rung in result.rungs if rung.passed] == NAMES
    assert result.loss_max_difference is not None
    assert result.loss_max_difference < 1e-12
    assert result.weight_max_difference is not None
    assert result.weight_max_difference < 1e-11


def test_a_few_steps_hold_in_float32(device: str) -> None:
    experiment = short_epoch(preset("article-3").with_changes(epochs=2), 4)
    port, reference = TorchPort(experiment, device), KerasReference(experiment)
    result = climb_experiment(port, reference, twins=2)
    below = [rung for rung in result.rungs if rung.rung != "trajectory"]  # two twins are too few
    assert [rung.where for rung in below if not rung.passed] == []


@pytest.mark.parametrize("count", [2, 3])
def test_steps_in_shares_hold_on_every_rung(
    count: int, reference: KerasReference, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_shares", Shares(count))
    result = climb_experiment(TorchPort(reference.experiment), reference)
    assert result.holds, result.verdict


class ThatShows(TorchPort):
    """The sound port, but for what a test changes in each step it shows."""

    changes: Callable[[Step], Step]

    def step(self, state: State, batch: DigitBatch) -> Step:
        """Change what is shown."""
        return self.changes(super().step(state, batch))


def climbed(change: Callable[[Step], Step], reference: KerasReference) -> Result:
    port = ThatShows(reference.experiment)
    port.changes = change
    return climb_experiment(port, reference)


def with_gradient(step: Step, value: NDArray[Any]) -> Step:
    return replace(step, gradients={**(step.gradients or {}), "dense_1/bias": value})


def bias_gradient(step: Step) -> NDArray[Any]:
    return (step.gradients or {})["dense_1/bias"]


@pytest.mark.parametrize(
    ("change", "rung", "says"),
    [
        (lambda s: replace(s, gradients={}), "gradients", "is missing in ours"),
        (lambda s: replace(s, data_loss=math.nan), "data loss", "is not finite in ours: nan"),
        (lambda s: replace(s, penalty=math.inf), "penalty", "is not finite in ours: inf"),
        (lambda s: with_gradient(s, np.zeros(3)), "gradients", "has shape (3,), not (12,)"),
        (
            lambda s: with_gradient(s, bias_gradient(s).astype(np.float32)),
            "gradients",
            "has dtype float32, not float64",
        ),
        (lambda s: with_gradient(s, bias_gradient(s)[::-1].copy()), "gradients", "relative"),
        (lambda s: replace(s, hits=(s.hits or 0) + 1), "epoch metrics", "accuracy"),
    ],
    ids=["missing", "NaN", "infinity", "shape", "dtype", "equal means", "hits"],
)
def test_what_a_port_shows_wrongly_is_found(
    change: Callable[[Step], Step], rung: str, says: str, reference: KerasReference
) -> None:
    result = climbed(change, reference)
    assert result.first_difference is not None
    assert result.first_difference.startswith(f"{rung}, ")
    assert says in result.first_difference
    judged = [each.rung for each in result.rungs if each.passed is not None]
    assert judged == NAMES[: NAMES.index(rung) + 1]
    above = {each.because for each in result.not_judged}
    assert above == {f"the climb ended below, on {rung}"}


def test_what_a_port_shows_in_one_step_it_has_to_show_in_all(reference: KerasReference) -> None:
    result = climbed(
        lambda step: step if step.state.iteration == 1 else replace(step, penalty=None), reference
    )
    assert result.first_difference == "penalty, step 1: penalty is missing in ours"


def test_a_loss_that_is_nan_in_free_running_only_is_found() -> None:
    class NaNOnItsOwn(TorchPort):
        free = False

        def step(self, state: State, batch: DigitBatch) -> Step:
            step = super().step(state, batch)
            self.free = not self.free  # the ladder takes each step forced first, then free
            return step if self.free else replace(step, data_loss=math.nan)

    experiment = small_experiment(3).with_changes(epochs=1)
    result = climb_experiment(NaNOnItsOwn(experiment), KerasReference(experiment))
    assert result.first_difference is not None
    assert result.first_difference.startswith("trajectory, after the epoch: ")


def test_a_port_that_drifts_further_than_the_reference_s_twin_is_found(
    reference: KerasReference,
) -> None:
    """By 1e-13 of each weight and step: within what a single step may differ by."""
    result = climbed(
        lambda step: replace(
            step,
            state=replace(
                step.state,
                weights={name: array * (1 + 1e-13) for name, array in step.state.weights.items()},
            ),
        ),
        reference,
    )
    assert [rung.rung for rung in result.rungs if rung.passed is False] == ["trajectory"]
    assert result.explanation is not None
    assert result.explanation.startswith("the single steps agree in all that was judged")


def test_one_more_variable_is_told_by_name(reference: KerasReference) -> None:
    class WithBatchNorm(TorchPort):
        def variable_shapes(self) -> dict[str, tuple[int, ...]]:
            return {**super().variable_shapes(), "bn/gamma": (4,)}

    result = climb_experiment(WithBatchNorm(reference.experiment), reference)
    assert result.first_difference is not None
    assert result.first_difference.startswith(
        "parameter counts and shapes, before the first step: bn/gamma is missing in theirs"
    )


def test_a_cause_is_named_on_kernels_that_are_not_square() -> None:
    network = Network(
        convolutions=(Convolution(filters=3, kernel_size=(5, 2)), Convolution(filters=4)),
        pools=((2, 3),),
        hidden=(Hidden(units=11),),
    )
    experiment = small_experiment(3).with_changes(network=network)
    port = CATALOGUE["rho 0.99"].port(experiment)
    result = climb_experiment(port, KerasReference(experiment))
    assert [cause.name for cause in result.causes] == ["rho 0.99"]


@pytest.mark.parametrize(
    ("side", "backend"),
    [(TorchPort, torch_cnn), (KerasReference, keras_ref)],
    ids=["torch", "keras"],
)
def test_a_side_of_the_ladder_is_what_trains(
    side: type[TorchPort] | type[KerasReference], backend: Backend[Any]
) -> None:
    """Step by step through the ladder's eyes, against one call of `train` (for Keras: `fit`)."""
    experiment = preset("article-3-addendum").with_changes(
        dtype="float64", epochs=1, data=Data(test_images=100)
    )
    experiment = short_epoch(experiment, 6)
    model, history = backend.train(experiment, load_mnist(experiment))
    shown = side(experiment)
    state, steps, digits = shown.initial_state(), [], shown.digits()
    for index in shown.epoch_batches(0):
        batch = DigitBatch(digits.train_images_nhwc[index], digits.train_labels[index])
        steps.append(shown.step(state, batch))
        state = steps[-1].state
    assert_arrays_close(state.weights, backend.neutral_weights(model), 1e-13)
    reported = shown.epoch_metrics(steps)
    assert reported["loss"] == pytest.approx(history[0].loss, rel=0, abs=1e-13)
    assert reported["accuracy"] == pytest.approx(history[0].accuracy, rel=0, abs=1e-13)
