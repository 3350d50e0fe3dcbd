"""The doubts about many digits: no sheet shows more than fit on it."""

import numpy as np

from cnn_experiment import Pixels
from cnn_experiment.data.mnist import in_unit_range
from cnn_experiment.look.doubtful import MOST_ON_A_SHEET, all_doubts


def test_of_many_misclassified_digits_the_surest_mistakes_are_shown() -> None:
    source = np.random.RandomState(0)
    images, labels = np.zeros((300, 28, 28), np.uint8), np.zeros(300, np.int64)
    pixels = Pixels(images[:0], labels[:0], images, labels, in_unit_range)
    sure = source.uniform(0.6, 1.0, 300)  # all are taken for a 1, more or less surely
    probabilities = np.zeros((300, 10))
    probabilities[:, 0], probabilities[:, 1] = 1 - sure, sure

    doubts = all_doubts(pixels, probabilities, count=16)
    (wrong,) = (group for group in doubts.groups if group.name == "misclassified")
    assert MOST_ON_A_SHEET == 200
    np.testing.assert_array_equal(wrong.numbers, np.argsort(-sure)[:200])
    assert wrong.title == "200 of the 300 misclassified digits, the surest mistakes first"
    assert str(doubts).count("\n  image ") == 16 + 200
