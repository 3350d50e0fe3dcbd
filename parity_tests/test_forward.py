"""One forward pass: every layer's output, the probabilities, the loss with its penalty."""

import numpy as np
import pytest

import keras_ref
import torch_cnn
from cnn_experiment import PRESETS, Convolution, Digits, Experiment, Hidden, Network, load_mnist
from parity_ladder import assert_arrays_close, assert_close, compare
from parity_ladder.tolerances import LAYER_OUTPUTS
from parity_tests.conftest import small


@pytest.mark.parametrize("name", PRESETS)
def test_a_hundred_images_give_the_same_outputs_and_loss_in_float64(
    name: str, digits: Digits
) -> None:
    experiment = small(name, test_images=100)
    ours, theirs = torch_cnn.build_model(experiment), keras_ref.build_model(experiment)
    images, labels = digits.test_images_nhwc[:100], digits.test_labels[:100]
    assert_close(torch_cnn.predict(ours, images), keras_ref.predict(theirs, images), 1e-12)
    assert_arrays_close(
        torch_cnn.layer_outputs(ours, images), keras_ref.layer_outputs(theirs, images), 1e-12
    )
    our_evaluation = torch_cnn.evaluate(ours, images, labels)
    their_evaluation = keras_ref.evaluate(theirs, images, labels)
    assert our_evaluation.loss == pytest.approx(their_evaluation.loss, rel=0, abs=1e-12)
    assert our_evaluation.accuracy == their_evaluation.accuracy


@pytest.mark.parametrize("name", PRESETS)
def test_every_layer_of_64_images_is_within_the_ladders_tolerance_in_float32(
    name: str, digits: Digits
) -> None:
    """After some training, so that no bias is 0."""
    experiment = small(name, train_images=256, test_images=64).with_changes(dtype="float32")
    trained, _ = torch_cnn.train(experiment, load_mnist(experiment))
    reference = keras_ref.build_model(experiment)
    keras_ref.load_neutral_weights(reference, torch_cnn.neutral_weights(trained))
    images = digits.test_images_nhwc[:64].astype(np.float32)
    ours = torch_cnn.layer_outputs(trained, images)
    theirs = keras_ref.layer_outputs(reference, images)
    assert list(ours) == list(theirs) == [row.name for row in experiment.network.layers()]
    for row in experiment.network.layers():
        assert ours[row.name].shape == (64, *row.output_shape)
        apart = compare(ours[row.name], theirs[row.name])
        assert apart.relative <= LAYER_OUTPUTS.float32, f"{row.name}{apart.where}"


def odd_network(convolution_activation: str, hidden_activation: str) -> Experiment:
    """Kernels and pools that are not square, so that a swapped height and width shows."""
    network = Network.from_json(
        Network(
            convolutions=(Convolution(filters=3, kernel_size=(5, 2)), Convolution(filters=4)),
            pools=((2, 3),),
            hidden=(Hidden(units=11), Hidden(units=7)),
        )
        .to_json()
        .replace('"relu"', f'"{convolution_activation}"', 2)
        .replace('"relu"', f'"{hidden_activation}"')
    )
    return small("article-2").with_changes(network=network)


@pytest.mark.parametrize(
    ("convolution_activation", "hidden_activation"),
    [("relu", "relu"), ("sigmoid", "sigmoid"), ("tanh", "tanh"), ("elu", "relu")],
)
def test_each_activation_and_odd_shapes_agree(
    convolution_activation: str, hidden_activation: str, digits: Digits
) -> None:
    experiment = odd_network(convolution_activation, hidden_activation)
    ours = torch_cnn.layer_outputs(torch_cnn.build_model(experiment), digits.test_images_nhwc)
    theirs = keras_ref.layer_outputs(keras_ref.build_model(experiment), digits.test_images_nhwc)
    assert_arrays_close(ours, theirs, 1e-12)
