"""Gradients by hand, and by autograd and the tape through both backends' `mlp`: all the same."""

import numpy as np
import pytest
import tensorflow as tf
import torch
from scipy.special import expit

import keras_ref
import torch_cnn
from cnn_experiment import Digits, preset
from numpy_mlp import (
    Settings,
    forward,
    gradients,
    initial_weights,
    input_layer,
    log_loss,
    penalty,
)
from numpy_mlp.slow import Detours, propagate
from parity_ladder import assert_close
from torch_cnn.weights import neutral_name, to_neutral_layout

MLP = preset("mlp").with_changes(dtype="float64")
SIZES = (784, 70, 30, 10)
STRENGTHS = [{"l1": 0.0, "l2": 0.0}, {"l1": 0.0, "l2": 0.01}, {"l1": 0.02, "l2": 0.0}]

Weights = list[np.ndarray]


@pytest.fixture(scope="module")
def batch(digits: Digits) -> tuple[np.ndarray, np.ndarray]:
    """A hundred images, (count, pixels), and their labels, (classes, count)."""
    images = digits.train_images_nhwc[:100].reshape(100, -1)
    return images, np.eye(10)[:, digits.train_labels[:100]]


def start() -> Weights:
    return initial_weights(SIZES, Settings(dtype="float64"))


def by_hand(images: np.ndarray, one_hot: np.ndarray, l1: float, l2: float) -> tuple[float, Weights]:
    weights = start()
    outputs = forward(weights, input_layer(images))
    loss = log_loss(outputs[-1], one_hot) + penalty(weights, l1=l1, l2=l2)
    return loss, gradients(weights, outputs, one_hot, l1=l1, l2=l2)


def neutral(weights: Weights) -> dict[str, np.ndarray]:
    """The matrices as the backends' variables."""
    named = {}
    for number, matrix in enumerate(weights, start=1):
        named[f"dense_{number}/kernel"] = matrix[:, 1:].T.copy()
        named[f"dense_{number}/bias"] = matrix[:, 0].copy()
    return named


def as_matrices(gradients_by_name: dict[str, np.ndarray]) -> Weights:
    """The other way round."""
    numbers = range(1, len(gradients_by_name) // 2 + 1)
    return [
        np.column_stack(
            [gradients_by_name[f"dense_{n}/bias"], gradients_by_name[f"dense_{n}/kernel"].T]
        )
        for n in numbers
    ]


def by_torch(
    images: np.ndarray, one_hot: np.ndarray, l1: float, l2: float
) -> tuple[float, Weights]:
    model = torch_cnn.build_model(MLP)
    torch_cnn.load_neutral_weights(model, neutral(start()))
    outputs = model(torch.from_numpy(images.reshape(-1, 1, 28, 28)))
    labels = torch.from_numpy(one_hot.T.copy())
    loss = torch.nn.functional.binary_cross_entropy(outputs, labels, reduction="sum")
    for parameter in model.parameters():
        if parameter.ndim == 2:
            loss = loss + l1 * parameter.abs().sum() + l2 / 2 * parameter.square().sum()
    loss.backward()  # type: ignore[no-untyped-call]
    found = {
        neutral_name(name): to_neutral_layout(np.asarray(parameter.grad))
        for name, parameter in model.named_parameters()
    }
    return loss.item(), as_matrices(found)


def by_tensorflow(
    images: np.ndarray, one_hot: np.ndarray, l1: float, l2: float
) -> tuple[float, Weights]:
    model = keras_ref.build_model(MLP)
    keras_ref.load_neutral_weights(model, neutral(start()))
    variables = [variable.value for variable in model.trainable_variables]
    with tf.GradientTape() as tape:
        outputs = model(tf.constant(images.reshape(-1, 28, 28, 1)))
        labels = tf.constant(one_hot.T.copy())
        of_ones, of_zeros = tf.math.log(outputs), tf.math.log(1 - outputs)
        loss = -tf.reduce_sum(labels * of_ones + (1 - labels) * of_zeros)
        for variable in variables:
            if len(variable.shape) == 2:
                loss += l1 * tf.reduce_sum(tf.abs(variable)) + l2 / 2 * tf.reduce_sum(variable**2)
    gradients_in_order = tape.gradient(loss, variables)
    names = neutral(start())
    found = {n: g.numpy() for n, g in zip(names, gradients_in_order, strict=True)}
    return float(loss), as_matrices(found)


@pytest.mark.parametrize("strengths", STRENGTHS, ids=str)
def test_three_ways_to_one_gradient(
    strengths: dict[str, float], batch: tuple[np.ndarray, np.ndarray]
) -> None:
    images, one_hot = batch
    loss, ours = by_hand(images, one_hot, **strengths)
    for way in (by_torch, by_tensorflow):
        other_loss, theirs = way(images, one_hot, **strengths)
        assert loss == pytest.approx(other_loss, rel=1e-13)
        for one, other in zip(ours, theirs, strict=True):
            assert_close(one, other, 1e-12)


def test_a_wrong_sign_of_the_regularizer_would_show(
    batch: tuple[np.ndarray, np.ndarray],
) -> None:
    _, ours = by_hand(*batch, l1=0.0, l2=0.01)
    _, theirs = by_torch(*batch, l1=0.0, l2=-0.01)
    with pytest.raises(AssertionError, match="apart"):
        assert_close(ours[0], theirs[0], 1e-12)


@pytest.mark.parametrize(
    "detours",
    [
        Detours(),
        Detours(to_input_layer=True),
        Detours(sigmoid_again=True),
        Detours(c_order=True),
        Detours(sigmoid=expit),
        Detours(to_input_layer=True, sigmoid_again=True, c_order=True, sigmoid=expit),
    ],
    ids=["none", "to the input layer", "sigmoid again", "C order", "expit", "all"],
)
def test_the_detours_lead_to_the_same_gradients(
    detours: Detours, batch: tuple[np.ndarray, np.ndarray]
) -> None:
    images, one_hot = batch
    weights, inputs = start(), input_layer(images)
    last, found = propagate(weights, inputs, one_hot, detours=detours, l2=0.01)
    outputs = forward(weights, inputs)
    assert_close(last, outputs[-1], 1e-15)
    for ours, theirs in zip(gradients(weights, outputs, one_hot, l2=0.01), found, strict=True):
        assert_close(ours, theirs, 1e-12)
