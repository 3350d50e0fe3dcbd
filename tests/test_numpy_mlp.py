"""The hand-written MLP on its own: its learning rate, its weight correction, its training."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from cnn_experiment import load_mnist, preset
from numpy_mlp import (
    Costs,
    Settings,
    Training,
    accuracy,
    costs,
    forward,
    gradients,
    initial_weights,
    input_layer,
    learning_rate,
    mean_weights,
    train,
)
from numpy_mlp.network import Matrix
from numpy_mlp.slow import Detours
from numpy_mlp.slow import forward as slow_forward
from numpy_mlp.slow import propagate as slow_propagate


def test_the_learning_rate_after_35_epochs_is_the_printed_one() -> None:
    assert learning_rate(Settings(), 34) == 0.0009994051838157095
    assert learning_rate(Settings(learning_rate=1e-4), 34) == 9.994051838157101e-05
    assert learning_rate(Settings(), 0) == 1e-3


def test_the_published_network_has_57390_weights() -> None:
    weights = initial_weights((784, 70, 30, 10))
    assert sum(matrix.size for matrix in weights) == 57_390
    assert {matrix.dtype for matrix in weights} == {np.dtype(np.float32)}
    assert np.abs(weights[0]).max() <= 2 / np.sqrt(785)


def test_a_correction_takes_a_part_of_the_last_one_along() -> None:
    """Three batches with a gradient of ones: momentum remembers the rate's part alone."""
    images, labels = np.zeros((6, 4)), np.zeros(6, np.int64)
    settings = Settings(
        hidden=(), epochs=1, batch_size=2, learning_rate=0.1, momentum=0.5, dtype="float64"
    )

    def ones(weights: list[Matrix], *_: Matrix, **__: object) -> tuple[Matrix, list[Matrix]]:
        return np.zeros((10, 2)), [np.ones_like(matrix) for matrix in weights]

    moved, _ = train(images, labels, settings, by=ones)
    start = initial_weights((4, 10), settings)
    np.testing.assert_allclose(start[0] - moved[0], 3 * 0.1 + 2 * 0.5 * 0.1)


def test_biases_are_not_penalised() -> None:
    weights = [np.full((3, 5), 2.0)]
    outputs = [np.ones((5, 1)), np.ones((3, 1))]
    (found,) = gradients(weights, outputs, np.ones((3, 1)), l1=0.25, l2=0.5)
    np.testing.assert_array_equal(found[:, 0], 0)
    np.testing.assert_array_equal(found[:, 1:], 0.25 + 0.5 * 2.0)


def test_the_costs_are_those_computed_by_hand() -> None:
    """Two images, two classes; outputs of one half cost log 2 each; the bias of 7 costs nothing."""
    weights = [np.array([[7.0, 3.0], [7.0, -1.0]])]
    one_hot, last = np.eye(2), np.full((2, 2), 0.5)
    found = costs(weights, last, one_hot, l1=0.5, l2=0.1)
    of_weights = 0.5 * (3 + 1) + 0.1 / 2 * (9 + 1)
    assert found.total == pytest.approx(4 * np.log(2) + of_weights, rel=1e-15)
    assert found.penalty_share == pytest.approx(of_weights / found.total, rel=1e-15)
    last = np.array([[0.9, 0.5], [0.2, 0.6]])  # errors of 0.1, 0.5, 0.2 and 0.4
    assert costs(weights, last, one_hot).error == pytest.approx(0.3, rel=1e-15)
    assert costs(weights, last, one_hot).accuracy_from_error == pytest.approx(0.7, rel=1e-15)
    assert mean_weights(weights) == (4.5,)


def test_a_record_is_of_the_weights_before_each_update() -> None:
    """Two batches of three images and one: the average is over batches, not over images."""
    images, labels = np.eye(4), np.arange(4)
    settings = Settings(
        hidden=(), epochs=1, batch_size=3, shuffle=False, learning_rate=0.5, dtype="float64"
    )

    def of(weights: list[Matrix], part: slice) -> Costs:
        last = forward(weights, input_layer(images[part]))[-1]
        return costs(weights, last, np.eye(10)[:, labels[part]], l2=settings.l2)

    moved, (record,) = train(images, labels, settings)
    first = of(initial_weights((4, 10), settings), slice(0, 3))
    until_then = Training(input_layer(images[:3]), labels[:3], settings)
    assert until_then.run_epoch(0).last_batch == first
    last = of(until_then.weights, slice(3, 4))
    assert record.last_batch == last
    assert record.error == (first.error + last.error) / 2
    assert record.mean_weights == mean_weights(moved)


def test_a_layer_takes_its_interval_or_the_factor() -> None:
    sizes, given = (784, 70, 30), ((-0.5, 0.25), None)
    ours = initial_weights(sizes, Settings(weight_intervals=given, weight_factor=4.0))
    assert ours[0].min() == pytest.approx(-0.5, abs=1e-3)
    assert ours[0].max() == pytest.approx(0.25, abs=1e-3)
    assert np.abs(ours[1]).max() == pytest.approx(4 / np.sqrt(71), rel=1e-2)
    with pytest.raises(ValueError, match="shorter"):
        initial_weights((784, 70, 30, 10), Settings(weight_intervals=given))


def test_without_shuffling_each_epoch_takes_the_images_in_their_order() -> None:
    inputs, labels = np.zeros((5, 4)), np.zeros(5, np.int64)
    settings = Settings(hidden=(), batch_size=2, shuffle=False)
    in_order = Training(inputs, labels, settings)
    for epoch in (0, 1):
        assert [list(batch) for batch in in_order.batches(epoch)] == [[0, 1], [2, 3], [4]]
    shuffled = Training(inputs, labels, replace(settings, shuffle=True))
    one, other = (list(np.concatenate(shuffled.batches(epoch))) for epoch in (1, 2))
    assert one != other


def test_only_the_detour_turns_the_images_in_memory() -> None:
    weights, inputs = initial_weights((4, 10)), input_layer(np.ones((3, 4), "float32"))
    assert np.shares_memory(forward(weights, inputs)[0], inputs)
    for c_order in (True, False):
        _, outputs = slow_forward(weights, inputs, Detours(c_order=c_order))
        assert outputs[0].flags.c_contiguous == c_order
        np.testing.assert_array_equal(outputs[0], inputs.T)


def test_a_detour_computes_every_sigmoid_by_its_function() -> None:
    counted: list[int] = []

    def counting(values: Matrix) -> Matrix:
        counted.append(len(values))
        return values

    weights, inputs = initial_weights((4, 3, 2)), input_layer(np.ones((5, 4), "float32"))
    for to_input_layer, rows in ((False, [3, 2, 1 + 3]), (True, [3, 2, 1 + 3, 1 + 4])):
        counted.clear()
        detours = Detours(to_input_layer, sigmoid_again=True, sigmoid=counting)
        slow_propagate(weights, inputs, np.ones((2, 5)), detours=detours)
        assert counted == rows


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
