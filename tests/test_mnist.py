"""The two protocols, on the real 70,000 images."""

from functools import cache

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from cnn_experiment import Data, Digits, Experiment, Network, Output, UserError, load_mnist, preset
from cnn_experiment.data.mnist import Scaling, standardisation
from cnn_experiment.data.mnist_files import read_mnist_files


def experiment(protocol: str, **counts: int) -> Experiment:
    data = Data().with_changes(protocol=protocol, **counts)
    return preset("article-2").with_changes(data=data)


@pytest.fixture(scope="module")
def pooled() -> Digits:
    return load_mnist(experiment("pooled"))


@cache
def raw() -> tuple[np.ndarray, np.ndarray]:
    train_images, train_labels, test_images, test_labels = read_mnist_files()
    return np.concatenate([train_images, test_images]), np.concatenate([train_labels, test_labels])


@cache
def standardised() -> Scaling:
    images, _ = raw()
    return standardisation(images)


def test_pooled_has_all_images_in_keras_layout(pooled: Digits) -> None:
    assert pooled.train_images_nhwc.shape == (60_000, 28, 28, 1)
    assert pooled.test_images_nhwc.shape == (10_000, 28, 28, 1)
    assert pooled.train_images_nhwc.dtype == np.float32
    assert pooled.train_labels.shape == (60_000,)
    assert pooled.train_labels.dtype == np.int64
    _, labels = raw()
    both = np.concatenate([pooled.train_labels, pooled.test_labels])
    np.testing.assert_array_equal(np.bincount(both), np.bincount(labels))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pooled_is_scikit_learn_s_standard_scaler_bit_for_bit(dtype: str) -> None:
    images, _ = raw()
    theirs = StandardScaler().fit_transform(images.reshape(-1, 784).astype(dtype))
    np.testing.assert_array_equal(standardised()(images, dtype).reshape(-1, 784), theirs)


def test_pooled_has_population_variance_and_leaves_constant_pixels_at_zero() -> None:
    images, _ = raw()
    pixels = standardised()(images, "float64").reshape(-1, 784)
    constant = images.reshape(-1, 784).std(axis=0) == 0
    assert constant.sum() == 65
    assert not pixels[:, constant].any()
    np.testing.assert_allclose(pixels[:, ~constant].mean(axis=0), 0, atol=1e-12)
    # Rounding in sums over 70,000 images stays below 1e-11; a sample variance would be off by 7e-6.
    np.testing.assert_allclose(pixels[:, ~constant].std(axis=0, ddof=0), 1, rtol=1e-10)


def test_pooled_keeps_each_image_with_its_label(pooled: Digits) -> None:
    images, labels = raw()
    both = np.concatenate([pooled.train_images_nhwc, pooled.test_images_nhwc])
    both_labels = np.concatenate([pooled.train_labels, pooled.test_labels])

    def rows(pixels: np.ndarray, digits: np.ndarray) -> list[tuple[bytes, int]]:
        return sorted(
            (row.tobytes(), int(label)) for row, label in zip(pixels, digits, strict=True)
        )

    assert rows(both, both_labels) == rows(standardised()(images, "float32"), labels)
    assert not np.array_equal(both_labels, labels)


def test_the_seed_decides_the_split() -> None:
    labels = [
        load_mnist(experiment("pooled", test_images=1000).with_changes(seed=seed)).test_labels
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(labels[0], labels[1])
    assert not np.array_equal(labels[0], labels[2])


def test_a_seed_of_the_split_replaces_that_of_the_experiment() -> None:
    by_seed = load_mnist(experiment("pooled", test_images=1000).with_changes(seed=1)).test_labels
    for seed in (1, 2):
        given = experiment("pooled", test_images=1000, split_seed=1).with_changes(seed=seed)
        np.testing.assert_array_equal(load_mnist(given).test_labels, by_seed)


def test_fewer_images_are_the_first_of_each_part(pooled: Digits) -> None:
    few = load_mnist(experiment("pooled", train_images=100, test_images=50))
    np.testing.assert_array_equal(few.train_images_nhwc, pooled.train_images_nhwc[:100])
    np.testing.assert_array_equal(few.test_labels, pooled.test_labels[:50])


def test_official_is_mnist_s_own_split_scaled_to_one() -> None:
    train_images, train_labels, test_images, test_labels = read_mnist_files()
    digits = load_mnist(experiment("official"))
    np.testing.assert_array_equal(digits.train_labels, train_labels)
    np.testing.assert_array_equal(digits.test_labels, test_labels)
    assert digits.train_images_nhwc.min() == 0
    assert digits.train_images_nhwc.max() == 1
    np.testing.assert_array_equal(
        digits.test_images_nhwc[..., 0], test_images.astype(np.float32) / np.float32(255)
    )
    np.testing.assert_array_equal(digits.train_images_nhwc[7, ..., 0] * 255, train_images[7])


def test_digits_that_do_not_fit_the_experiment_are_named() -> None:
    few = experiment("pooled", train_images=100, test_images=50)
    digits = load_mnist(few)
    digits.must_fit(few)
    small = Network(input_shape=(14, 14, 1), convolutions=(), pools=(), hidden=())
    with pytest.raises(UserError, match=r"images of \(28, 28, 1\).*network: \(14, 14, 1\)"):
        digits.must_fit(few.with_changes(network=small))
    few_classes = Network(convolutions=(), pools=(), hidden=(), output=Output(units=5))
    with pytest.raises(UserError, match=r"labels from 0 to 9; accepted by this network: 0 to 4"):
        digits.must_fit(few.with_changes(network=few_classes))
    with pytest.raises(UserError, match="100 train images and 100 labels; accepted by this exp"):
        digits.must_fit(experiment("pooled"))
    cut = Digits(digits.train_images_nhwc, digits.train_labels[:64], *_test_part(digits))
    with pytest.raises(UserError, match="100 train images and 64 labels; accepted by this exp"):
        cut.must_fit(few)


def _test_part(digits: Digits) -> tuple[np.ndarray, np.ndarray]:
    return digits.test_images_nhwc, digits.test_labels
