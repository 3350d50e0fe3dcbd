"""Gradients derived by hand, by PyTorch's autograd and by TensorFlow's tape: all three the same."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import torch

from cnn_experiment import Digits
from numpy_mlp import forward, gradients, initial_weights, log_loss, penalty
from numpy_mlp.slow import Detours, propagate
from parity_tests.comparison import assert_close

SIZES = (784, 70, 30, 10)
STRENGTHS = [{"l1": 0.0, "l2": 0.0}, {"l1": 0.0, "l2": 0.01}, {"l1": 0.02, "l2": 0.0}]

Weights = list[np.ndarray]


@pytest.fixture(scope="module")
def batch(digits: Digits) -> tuple[np.ndarray, np.ndarray]:
    """A hundred images, (count, pixels), and their labels, (classes, count)."""
    images = digits.train_images_nhwc[:100].reshape(100, -1)
    return images, np.eye(10)[:, digits.train_labels[:100]]


def start() -> Weights:
    return initial_weights(SIZES, seed=0, dtype="float64")


def by_hand(images: np.ndarray, one_hot: np.ndarray, l1: float, l2: float) -> tuple[float, Weights]:
    weights = start()
    outputs = forward(weights, images)
    loss = log_loss(outputs, one_hot) + penalty(weights, l1=l1, l2=l2)
    return loss, gradients(weights, outputs, one_hot, l1=l1, l2=l2)


def by_torch(
    images: np.ndarray, one_hot: np.ndarray, l1: float, l2: float
) -> tuple[float, Weights]:
    weights = [torch.tensor(matrix, requires_grad=True) for matrix in start()]
    features = torch.from_numpy(images)
    for matrix in weights:
        features = torch.sigmoid(features @ matrix[:, 1:].T + matrix[:, 0])
    labels = torch.from_numpy(one_hot.T.copy())
    loss = torch.nn.functional.binary_cross_entropy(features, labels, reduction="sum")
    for matrix in weights:
        loss = loss + l1 * matrix[:, 1:].abs().sum() + l2 / 2 * matrix[:, 1:].square().sum()
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.item(), [np.asarray(matrix.grad) for matrix in weights]


def by_tensorflow(
    images: np.ndarray, one_hot: np.ndarray, l1: float, l2: float
) -> tuple[float, Weights]:
    weights = [tf.Variable(matrix) for matrix in start()]
    with tf.GradientTape() as tape:
        features: Any = tf.constant(images)
        for number, matrix in enumerate(weights, start=1):
            logits = features @ tf.transpose(matrix[:, 1:]) + matrix[:, 0]
            features = logits if number == len(weights) else tf.sigmoid(logits)
        labels = tf.constant(one_hot.T.copy())
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=features)
        loss = tf.reduce_sum(losses)
        for matrix in weights:
            kernel = matrix[:, 1:]
            loss += l1 * tf.reduce_sum(tf.abs(kernel)) + l2 / 2 * tf.reduce_sum(kernel**2)
    return float(loss), [gradient.numpy() for gradient in tape.gradient(loss, weights)]


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


@pytest.mark.parametrize("detours", [Detours(), Detours(True), Detours(False, True)], ids=str)
def test_the_detours_lead_to_the_same_gradients(
    detours: Detours, batch: tuple[np.ndarray, np.ndarray]
) -> None:
    images, one_hot = batch
    weights = start()
    last, found = propagate(weights, images, one_hot, detours=detours, l2=0.01)
    outputs = forward(weights, images)
    assert_close(last, outputs[-1], 1e-15)
    for ours, theirs in zip(gradients(weights, outputs, one_hot, l2=0.01), found, strict=True):
        assert_close(ours, theirs, 1e-12)
