"""Which digits are confused, on a case that can be counted by hand."""

import numpy as np
from sklearn.metrics import confusion_matrix

from cnn_experiment.look import confusion

LABELS = np.array([0, 0, 1, 1, 2, 2])
PROBABILITIES = np.array(
    [
        [0.9, 0.1, 0.0],
        [0.3, 0.6, 0.1],  # a 0 taken for a 1
        [0.1, 0.8, 0.1],
        [0.5, 0.4, 0.1],  # a 1 taken for a 0
        [0.0, 0.1, 0.9],
        [0.0, 0.95, 0.05],  # a 2 taken for a 1
    ]
)


def test_counts_are_scikit_learns() -> None:
    source = np.random.RandomState(0)
    labels, probabilities = source.randint(0, 10, 500), source.rand(500, 10)
    expected = confusion_matrix(labels, probabilities.argmax(axis=1))
    np.testing.assert_array_equal(confusion.confusion_counts(labels, probabilities), expected)


def test_pairs_doubts_and_mistakes() -> None:
    counts = confusion.confusion_counts(LABELS, PROBABILITIES)
    assert confusion.most_confused(counts) == [(0, 1, 1), (1, 0, 1), (2, 1, 1)]
    assert confusion.least_sure(PROBABILITIES)[:2].tolist() == [3, 1]
    assert confusion.misclassified(LABELS, PROBABILITIES).tolist() == [5, 1, 3]
    assert confusion.between((0, 1), LABELS, PROBABILITIES).tolist() == [1, 3, 0, 2]
    assert confusion.between((2, 1), LABELS, PROBABILITIES).tolist() == [5, 2, 3, 4]
