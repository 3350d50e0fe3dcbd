"""The hand-written MLP on its own: its learning rate, its weight correction, its training."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from cnn_experiment import load_mnist, preset
from numpy_mlp import Settings, accuracy, gradients, initial_weights, learning_rate, train
from numpy_mlp.network import Matrix


def test_the_learning_rate_after_35_epochs_is_the_printed_one() -> None:
    assert learning_rate(Settings(), 34) == 0.0009994051838157095
    assert learning_rate(Settings(learning_rate=1e-4), 34) == 9.994051838157101e-05
    assert learning_rate(Settings(), 0) == 1e-3


def test_the_published_network_has_57390_weights() -> None:
    weights = initial_weights((784, 70, 30, 10), seed=0)
    assert sum(matrix.size for matrix in weights) == 57_390
    assert {matrix.dtype for matrix in weights} == {np.dtype(np.float32)}
    assert np.abs(weights[0]).max() <= 2 / np.sqrt(785)


def test_a_correction_takes_a_part_of_the_last_one_along() -> None:
    """Three batches with a gradient of ones: momentum remembers the rate's part alone."""
    images, labels = np.zeros((6, 4)), np.zeros(6, np.int64)
    settings = Settings(
        hidden=(), epochs=1, batch_size=2, learning_rate=0.1, momentum=0.5, dtype="float64"
    )

    def ones(weights: list[Matrix], *_: Matrix, **__: float) -> tuple[Matrix, list[Matrix]]:
        return np.zeros((10, 2)), [np.ones_like(matrix) for matrix in weights]

    moved, _ = train(images, labels, settings, by=ones)
    start = initial_weights((4, 10), seed=0, dtype="float64")
    np.testing.assert_allclose(start[0] - moved[0], 3 * 0.1 + 2 * 0.5 * 0.1)


def test_biases_are_not_penalised() -> None:
    weights = [np.full((3, 5), 2.0)]
    outputs = [np.ones((5, 1)), np.ones((3, 1))]
    (found,) = gradients(weights, outputs, np.ones((3, 1)), l1=0.25, l2=0.5)
    np.testing.assert_array_equal(found[:, 0], 0)
    np.testing.assert_array_equal(found[:, 1:], 0.25 + 0.5 * 2.0)


def test_it_learns_digits_and_repeats_itself() -> None:
    experiment = preset("article-2")
    data = experiment.data.with_changes(train_images=5_000, test_images=500)
    digits = load_mnist(experiment.with_changes(data=data))
    images = digits.train_images_nhwc.reshape(5_000, -1)
    settings = Settings(epochs=20, batch_size=100)
    weights, records = train(images, digits.train_labels, settings)
    assert records[-1].accuracy > records[0].accuracy
    assert accuracy(weights, images, digits.train_labels) > 0.9
    again, _ = train(images, digits.train_labels, settings)
    assert all(np.array_equal(one, other) for one, other in zip(weights, again, strict=True))
    other, _ = train(images, digits.train_labels, replace(settings, seed=1))
    assert not np.array_equal(weights[0], other[0])


@pytest.mark.parametrize("package", ["torch", "keras", "tensorflow"])
def test_it_loads_no_framework(package: str) -> None:
    code = f"import sys, numpy_mlp; assert {package!r} not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
