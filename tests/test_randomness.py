"""What the seed decides: the same on every machine, different where it should be."""

import hashlib

import numpy as np
import pytest

from cnn_experiment import batch_order, epoch_batches, initial_weights, preset
from cnn_experiment.settings.randomness import split_order


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(
        array.astype("<i8" if array.dtype.kind == "i" else "<f8").tobytes()
    ).hexdigest()[:16]


def test_the_streams_of_seed_0_are_pinned() -> None:
    """A change here changes every published result."""
    kernel = initial_weights(preset("article-2").network, 0, "float64")["conv2d_1/kernel"]
    assert [
        digest(split_order(0, 70_000)),
        digest(batch_order(0, 0, 60_000)),
        digest(batch_order(0, 4, 60_000)),
        digest(kernel),
    ] == ["d149ccd0f31eef8d", "2aa3e188db97e25b", "5c6effb761783138", "62a0a885978db8de"]


def test_every_epoch_takes_each_image_once_in_another_order() -> None:
    orders = [batch_order(0, epoch, 1000) for epoch in range(4)]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(1000))
    assert len({order.tobytes() for order in orders}) == 4


def test_batches_are_the_order_cut_in_parts_of_which_the_last_may_be_short() -> None:
    batches = epoch_batches(3, 2, 100, 32)
    assert [len(batch) for batch in batches] == [32, 32, 32, 4]
    np.testing.assert_array_equal(np.concatenate(batches), batch_order(3, 2, 100))
    assert [len(batch) for batch in epoch_batches(3, 2, 64, 32)] == [32, 32]


def test_seeds_and_purposes_do_not_share_a_stream() -> None:
    orders = [batch_order(0, 0, 1000), batch_order(1, 0, 1000), split_order(0, 1000)]
    assert len({order.tobytes() for order in orders}) == 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernels_are_glorot_uniform_and_biases_zero(dtype: str) -> None:
    weights = initial_weights(preset("article-3").network, 0, dtype)
    fans = {
        "conv2d_1/kernel": 9 * 1 + 9 * 64,
        "conv2d_2/kernel": 9 * 64 + 9 * 64,
        "conv2d_3/kernel": 9 * 64 + 9 * 128,
        "dense_1/kernel": 1152 + 120,
        "dense_2/kernel": 120 + 10,
    }
    for name, array in weights.items():
        assert array.dtype == dtype
        if name.endswith("bias"):
            assert not array.any()
            continue
        limit = np.sqrt(6 / fans[name])
        assert np.abs(array).max() <= limit * (1 + 1e-7)
        assert np.abs(array).max() > 0.97 * limit
        standard_error = limit / np.sqrt(3 * array.size)
        assert abs(array.mean()) < 5 * standard_error


def test_the_seed_decides_the_weights() -> None:
    kernels = [
        initial_weights(preset("article-3").network, seed, "float64")["dense_1/kernel"]
        for seed in (0, 1)
    ]
    assert not np.array_equal(kernels[0], kernels[1])


def test_every_kernel_has_a_stream_of_its_own() -> None:
    weights = initial_weights(preset("article-3").network, 0, "float64")
    in_units_of_the_limit = [
        array.ravel()[0] / np.sqrt(6 / (np.prod(array.shape[:-2]) * sum(array.shape[-2:])))
        for name, array in weights.items()
        if name.endswith("kernel")
    ]
    assert len(set(np.round(in_units_of_the_limit, 9))) == 5
