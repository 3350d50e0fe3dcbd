"""The comparison itself: it fails where it should."""

import numpy as np
import pytest

from parity_ladder import assert_arrays_close, assert_close

ONES = np.ones((2, 3))


def test_equal_arrays_pass() -> None:
    assert_close(ONES, ONES.copy(), 0.0)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (np.ones((3, 2)), "shape"),
        (np.ones((1, 3)), "shape"),
        (np.ones((2, 3), np.float32), "dtype"),
        (np.where(np.eye(2, 3) == 1, np.nan, 1.0), "not finite in theirs"),
        (np.where(np.eye(2, 3) == 1, np.inf, 1.0), "not finite in theirs"),
        (np.array([[0.5, 1.5, 1.0], [1.0, 1.0, 1.0]]), "0.5 apart"),
        (np.nextafter(ONES, 2), "2.2e-16 apart"),
    ],
)
def test_each_kind_of_difference_fails(other: np.ndarray, reason: str) -> None:
    with pytest.raises(AssertionError, match=reason):
        assert_close(ONES, other, 0.0)


def test_nan_on_both_sides_fails() -> None:
    nan = np.full(3, np.nan)
    with pytest.raises(AssertionError, match="not finite in ours"):
        assert_close(nan, nan, 1.0)


def test_the_worst_element_is_named() -> None:
    theirs = ONES.copy()
    theirs[0, 1], theirs[1, 2] = 1.1, 1.3
    with pytest.raises(AssertionError, match=r"\[1, 2\] is 1.0, not 1.3"):
        assert_close(ONES, theirs, 0.01)


def test_a_missing_variable_fails() -> None:
    with pytest.raises(AssertionError, match="dense_1/bias"):
        assert_arrays_close(
            {"dense_1/kernel": ONES, "dense_1/bias": ONES}, {"dense_1/kernel": ONES}, 1.0
        )
