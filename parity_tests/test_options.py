"""Every option of the articles, on the ladder and in training."""

import numpy as np
import pytest

import keras_ref
from cnn_experiment import Digits, Nadam
from parity_ladder import assert_arrays_close
from parity_tests.climbing import climb_experiment
from parity_tests.digit_batches import DigitBatch
from parity_tests.keras_side import KerasReference
from parity_tests.options import STEPS, options
from parity_tests.small import small_experiment
from parity_tests.torch_side import TorchPort
from parity_tests.training import assert_trained_alike

OPTIONS = options()
DIFFERENT = {experiment: name for name, experiment in OPTIONS.items()}
"""Some are what the base experiment has anyway; it is climbed once."""


@pytest.mark.parametrize("name", DIFFERENT.values())
def test_the_ladder_holds_for_twenty_steps(name: str, device: str) -> None:
    experiment = OPTIONS[name]
    assert experiment.steps_per_epoch == STEPS
    result = climb_experiment(TorchPort(experiment, device), KerasReference(experiment))
    assert result.holds, result.verdict
    assert all(rung.passed for rung in result.rungs)


def test_the_options_are_all_different() -> None:
    base = small_experiment(STEPS)
    same_as_base = {name for name, experiment in OPTIONS.items() if experiment == base}
    assert same_as_base == {
        "convolutions: relu",
        "hidden: relu",
        "output: softmax, loss of logits",
        "regularizer: L2",
        "data: pooled",
    }
    others = [experiment for name, experiment in OPTIONS.items() if name not in same_as_base]
    assert len(set(others)) == len(others)


@pytest.mark.parametrize(
    "name",
    [
        "output: sigmoid, loss of logits",
        "output: sigmoid, loss of probabilities",
        "regularizer: L1, convolutions too",
        "optimizer: rmsprop of Keras 2",
        "optimizer: nadam",
        "optimizer: adamax",
        "schedule: inverse time",
        "schedule: exponential, staircase",
        "no convolution",
    ],
)
def test_fit_and_train_run_alike(name: str) -> None:
    """Two epochs of Keras' own `fit`, whatever the ladder's eyes may see."""
    experiment = OPTIONS[name].with_changes(epochs=2)
    assert_trained_alike(experiment, TorchPort(experiment).digits())


def test_colour_images_run_alike() -> None:
    source = np.random.RandomState(0)
    images, labels = source.standard_normal((100, 9, 8, 3)), source.randint(0, 10, 100)
    experiment = small_experiment(6)
    network = experiment.network.with_changes(
        input_shape=(9, 8, 3), convolutions=experiment.network.convolutions[:2], pools=((2, 2),)
    )
    data = experiment.data.with_changes(train_images=80, test_images=20)
    experiment = experiment.with_changes(network=network, data=data, epochs=2)
    assert_trained_alike(experiment, Digits(images[:80], labels[:80], images[80:], labels[80:]))


def test_nadam_s_product_survives_a_reset() -> None:
    experiment = small_experiment(3).with_changes(optimizer=Nadam())
    model = keras_ref.build_model(experiment)
    state = keras_ref.neutral_optimizer_state(model)
    assert state.keys() == experiment.initial_optimizer_state().keys()
    assert_arrays_close(state, experiment.initial_optimizer_state(), 0.0)


@pytest.mark.parametrize("name", ["regularizer: L1", "regularizer: L1, convolutions too"])
def test_l1_has_no_gradient_where_a_kernel_is_zero(name: str) -> None:
    experiment = OPTIONS[name]
    reference, port = KerasReference(experiment), TorchPort(experiment)
    state = reference.initial_state()
    for kernel in experiment.regularized_kernels():
        state.weights[kernel][..., :3] = 0
    digits = reference.digits()
    batch = DigitBatch(digits.train_images_nhwc[:16], digits.train_labels[:16])
    ours, theirs = (side.step(state, batch).gradients for side in (port, reference))
    assert ours is not None
    assert theirs is not None
    assert_arrays_close(ours, theirs, 1e-13)
    plain = experiment.with_changes(regularizer=None)
    without = TorchPort(plain).step(state, batch).gradients
    assert without is not None
    for kernel in experiment.regularized_kernels():
        np.testing.assert_array_equal(ours[kernel][..., :3], without[kernel][..., :3])
        assert (ours[kernel] != without[kernel]).any()
