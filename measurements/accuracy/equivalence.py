"""Do two groups of runs reach the same accuracy? Statistics of paired differences, by SciPy.

A pair is two runs with the same seed, one from each group.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

MARGIN = 0.0005
"""Accuracies that differ by less than 0.05 percentage points count as the same. The random split
alone changes a result by more."""
EPOCHS = 0.5
"""The same margin for the mean number of epochs to a target. Half an epoch is lost anyway, since
whole epochs are counted."""
ALPHA = 0.05
_DRAWS = 100_000
_MOST_PAIRS = 10_000


class Mean(NamedTuple):
    """A sample's mean, standard deviation and the mean's 95 % interval (Student's t)."""

    size: int
    mean: float
    deviation: float
    low: float
    high: float


class Equivalence(NamedTuple):
    """Two one-sided t-tests of paired differences against the margin."""

    difference: Mean
    low: float
    high: float
    """The 90 % interval of the mean difference. If it lies within the margin, both tests pass."""
    p: float
    """The larger p value of the two tests. Below `ALPHA` the groups are equivalent."""
    is_equivalent: bool
    differs_p: float
    """The p value of the ordinary paired t-test. Below `ALPHA` the groups differ."""


def mean_of(sample: Sequence[float]) -> Mean:
    """Return the mean of at least two values, with its spread."""
    values = np.asarray(sample)
    deviation = float(values.std(ddof=1))
    error = deviation / math.sqrt(len(values))
    reach = float(stats.t.ppf(0.975, len(values) - 1)) * error
    mean = float(values.mean())
    return Mean(len(values), mean, deviation, mean - reach, mean + reach)


def paired_differences(ours: Mapping[int, float], theirs: Mapping[int, float]) -> list[float]:
    """Return ours minus theirs for each seed that both groups have."""
    return [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]


def equivalence(differences: Sequence[float], margin: float = MARGIN) -> Equivalence:
    """Test at least two paired differences for equivalence within the margin."""
    mean = mean_of(differences)
    if mean.deviation == 0:  # a t-test would divide by 0
        p = float(abs(mean.mean) >= margin)
        differs_p = float(mean.mean == 0)
        return Equivalence(mean, mean.mean, mean.mean, p, p < ALPHA, differs_p)
    above = stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(differences, margin, alternative="less").pvalue
    p = float(max(above, below))
    against_none = stats.ttest_1samp(differences, 0)
    low, high = against_none.confidence_interval(1 - 2 * ALPHA)
    return Equivalence(mean, float(low), float(high), p, p < ALPHA, float(against_none.pvalue))


def power(pairs: int, deviation: float) -> float:
    """Return the probability that two equal contestants are shown to be equivalent.

    `deviation` is the standard deviation of the paired differences. The result is an estimate from
    100,000 random samples.
    """
    source = np.random.RandomState(0)
    means = source.normal(0, deviation / math.sqrt(pairs), _DRAWS)
    deviations = deviation * np.sqrt(source.chisquare(pairs - 1, _DRAWS) / (pairs - 1))
    reach = stats.t.ppf(1 - ALPHA, pairs - 1) * deviations / math.sqrt(pairs)
    return float((np.abs(means) + reach < MARGIN).mean())


def pairs_needed(deviation: float, wanted: float = 0.8) -> int | None:
    """Return the least number of pairs with this power; None if 10,000 are too few."""
    low, high = 2, _MOST_PAIRS
    if power(high, deviation) < wanted:
        return None
    while low < high:  # bisection: the power grows with the number of pairs
        middle = (low + high) // 2
        if power(middle, deviation) >= wanted:
            high = middle
        else:
            low = middle + 1
    return low


class Convergence(NamedTuple):
    """Epochs until the validation accuracy first reaches a target, paired by seed.

    The two are equivalent if the mean difference is at most `EPOCHS`, and if none of them misses
    the target more often than the other.
    """

    difference: Mean
    low: float
    high: float
    """The 90 % interval of the mean difference, which has to lie within the margin."""
    never: tuple[int, int]
    """The number of runs that never reached the target, ours and theirs. In the mean, such a run
    counts as one epoch more than it has. That is too little, so `never_p` tests them as well."""
    never_p: float
    """The p value of McNemar's exact test, whether one group misses the target more often than the
    other. It has to be `ALPHA` or more."""
    is_equivalent: bool


def convergence(
    ours: Mapping[int, Sequence[float]], theirs: Mapping[int, Sequence[float]], target: float
) -> Convergence:
    """Compare accuracies by epoch, of at least two seeds that both groups have."""
    seeds = sorted(ours.keys() & theirs.keys())
    one, other = (
        {seed: epochs_to(target, side[seed]) for seed in seeds} for side in (ours, theirs)
    )
    judged = equivalence(paired_differences(one, other), EPOCHS)

    # McNemar's test looks only at seeds where one group misses the target and the other does not.
    failed = [[max(side[seed]) < target for seed in seeds] for side in (ours, theirs)]
    only_ours = sum(mine and not other for mine, other in zip(*failed, strict=True))
    only_one = sum(mine != other for mine, other in zip(*failed, strict=True))
    never_p = float(stats.binomtest(only_ours, only_one).pvalue) if only_one else 1.0

    return Convergence(
        judged.difference,
        judged.low,
        judged.high,
        (sum(failed[0]), sum(failed[1])),
        never_p,
        judged.is_equivalent and never_p >= ALPHA,
    )


def epochs_to(target: float, accuracies: Sequence[float]) -> int:
    """Return the epoch that first reaches the target; one more than there are if none does."""
    reached = [epoch for epoch, value in enumerate(accuracies, start=1) if value >= target]
    return reached[0] if reached else len(accuracies) + 1
