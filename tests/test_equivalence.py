"""The statistics of paired runs, against brute force and cases that are known."""

import numpy as np
import pytest
from scipy import stats

from measurements.accuracy.equivalence import (
    MARGIN,
    convergence,
    epochs_to,
    equivalence,
    mean_of,
    pairs_needed,
    power,
)


def test_equals_with_little_spread_are_equivalent_and_others_are_not() -> None:
    source = np.random.RandomState(0)
    near, far = source.normal(0, MARGIN / 2, 30), source.normal(2 * MARGIN, MARGIN / 2, 30)
    assert equivalence(near.tolist()).is_equivalent
    found = equivalence(far.tolist())
    assert not found.is_equivalent
    assert found.differs_p < 1e-6
    wide = equivalence(source.normal(0, 10 * MARGIN, 30).tolist())
    assert not wide.is_equivalent  # not shown to be, which is not to differ
    assert wide.differs_p > 0.05


def test_differences_that_are_all_alike() -> None:
    same, far = equivalence([0.0] * 5), equivalence([2 * MARGIN] * 5)
    assert (same.is_equivalent, same.differs_p) == (True, 1)
    assert (far.is_equivalent, far.differs_p) == (False, 0)


def test_the_verdict_is_that_of_the_90_percent_interval() -> None:
    """Two one-sided tests at 5 % hold where that interval lies within the margin."""
    source = np.random.RandomState(1)
    for spread in (0.5, 1, 2, 4):
        for _ in range(50):
            sample = source.normal(0.3 * MARGIN, spread * MARGIN, 20)
            low, high = stats.t.interval(0.9, 19, sample.mean(), stats.sem(sample))
            assert equivalence(sample.tolist()).is_equivalent == (-MARGIN < low < high < MARGIN)


def test_power_is_how_often_equals_are_shown_to_be() -> None:
    source = np.random.RandomState(2)
    deviation = 1.5 * MARGIN
    shown = [
        equivalence(source.normal(0, deviation, 40).tolist()).is_equivalent for _ in range(300)
    ]
    assert power(40, deviation) == pytest.approx(np.mean(shown), abs=0.09)  # three deviations


def test_pairs_needed_give_that_power() -> None:
    for deviation in (0.5 * MARGIN, 1.5 * MARGIN):
        count = pairs_needed(deviation)
        assert count is not None
        assert power(count, deviation) >= 0.8 > power(count - 1, deviation)
    assert pairs_needed(100 * MARGIN) is None


def test_the_mean_s_interval_is_students() -> None:
    found = mean_of([1.0, 2.0, 3.0, 4.0])
    low, high = stats.t.interval(0.95, 3, 2.5, stats.sem([1, 2, 3, 4]))
    assert found[:2] == (4, 2.5)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_epochs_to_a_target_and_runs_that_never_got_there() -> None:
    assert epochs_to(0.99, (0.98, 0.991, 0.985)) == 2
    assert epochs_to(0.99, (0.98, 0.985)) == 3
    ours = dict.fromkeys(range(20), (0.98, 0.991))
    theirs = {seed: (0.991, 0.98) if seed else (0.98, 0.98) for seed in range(20)}
    found = convergence(ours, theirs, 0.99)
    assert found.difference.mean == pytest.approx(0.9)
    assert found.never == (0, 1)
    assert not found.is_equivalent
    assert convergence(ours, ours, 0.99).is_equivalent


def test_a_port_that_often_never_gets_there_does_not_pass() -> None:
    """Though each failure counts as a single epoch more, and the mean differs by 0.3."""
    theirs = dict.fromkeys(range(37), (0.98, 0.98, 0.98, 0.98, 0.991))
    ours = theirs | dict.fromkeys(range(11), (0.98,) * 5)
    found = convergence(ours, theirs, 0.99)
    assert found.high < 0.5
    assert found.never == (11, 0)
    assert found.never_p == pytest.approx(2 / 2**11)
    assert not found.is_equivalent
    assert convergence({**ours, 0: theirs[0]}, ours, 0.99).never_p == 1
