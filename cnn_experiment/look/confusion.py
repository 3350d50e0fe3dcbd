"""Which classes a network confuses, and which digits it is least sure about."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


class Confusion(NamedTuple):
    """How often (`times`) digits of the class `true` were classified as `predicted`."""

    true: int
    predicted: int
    times: int


def confusion_counts(labels: NDArray[np.int64], probabilities: Floats) -> NDArray[np.int64]:
    """Number of digits by true class (row) and predicted class (column).

    `labels` is (count,), `probabilities` (count, classes).
    """
    classes = probabilities.shape[1]
    cells = labels * classes + probabilities.argmax(axis=1)
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def most_confused(counts: NDArray[np.int64]) -> list[Confusion]:
    """All confusions that happened, the most frequent first."""
    confusions = [
        Confusion(true, predicted, int(counts[true, predicted]))
        for true, predicted in np.ndindex(counts.shape)
        if true != predicted and counts[true, predicted]
    ]
    return sorted(confusions, key=lambda confusion: -confusion.times)


def least_sure(probabilities: Floats) -> NDArray[np.int64]:
    """Indices of all digits, sorted by the difference of their two highest probabilities."""
    ascending = np.sort(probabilities, axis=1)
    return np.argsort(ascending[:, -1] - ascending[:, -2], kind="stable")


def misclassified(labels: NDArray[np.int64], probabilities: Floats) -> NDArray[np.int64]:
    """Indices of the misclassified digits, those with the highest probability first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")]


def between(
    pair: tuple[int, int], labels: NDArray[np.int64], probabilities: Floats
) -> NDArray[np.int64]:
    """Indices of the digits of two classes, sorted by falling probability of the other class."""
    members = np.flatnonzero(np.isin(labels, pair))
    other = np.where(labels[members] == pair[0], pair[1], pair[0])
    return members[np.argsort(-probabilities[members, other], kind="stable")]
