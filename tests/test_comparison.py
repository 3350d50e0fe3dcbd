"""The comparison itself: it fails where it should."""

import math
from typing import Any

import numpy as np
import pytest

from parity_ladder import assert_arrays_close, assert_close, compare

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


@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [
        (np.array([2**60]), np.array([2**60 + 1]), "[0] is"),
        (np.array([1 + 1j]), np.array([1 + 2j]), " has dtype complex128; accepted: numbers"),
        (np.array(["a"]), np.array(["b"]), " has dtype <U1; accepted: numbers"),
        ([1.0], np.array([1.0]), " is a list in ours; accepted: a NumPy array"),
        (np.array([1.0]), 1.0, " is a float in theirs; accepted: a NumPy array"),
        (np.array([np.nan]), np.array([np.nan]), "[0] is not finite in ours: nan"),
        (np.array([1.0]), np.array([np.inf]), "[0] is not finite in theirs: inf"),
        (np.array([1.0], np.float16), np.array([1.0]), " has dtype float16, not float64"),
        (np.array([1.0], np.float16), np.array([2.0], np.float16), "[0] is 1.0, not 2.0"),
        (np.array([127], np.int8), np.array([-128], np.int8), "2.6e+02 apart, 2 relative"),
        (np.array([True]), np.array([False]), "[0] is True, not False"),
    ],
)  # fmt: skip
def test_every_difference_is_seen(ours: Any, theirs: Any, says: str) -> None:
    difference = compare(ours, theirs)
    assert difference.absolute > 0
    assert says in difference.where


def test_an_assertion_on_nothing_and_one_with_a_tolerance_of_nan_fail() -> None:
    with pytest.raises(AssertionError, match="no arrays"):
        assert_arrays_close({}, {}, 1.0)
    with pytest.raises(AssertionError, match="tolerance nan"):
        assert_close(np.ones(1), np.ones(1), math.nan)
