"""The test digits that a network confuses or is least sure about, as text and as pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tabulate import tabulate

from cnn_experiment.data.mnist import Pixels
from cnn_experiment.look import confusion

MOST_ON_A_SHEET = 200
_MOST_CONFUSED = 8


class ConfusionMatrix(NamedTuple):
    """A confusion matrix to draw."""

    counts: NDArray[np.int64]
    """(classes, classes): true class by predicted class."""
    title: str


class Group(NamedTuple):
    """Some of the test digits, in the order in which they are shown."""

    name: str
    """The name of the picture's file, without its ending."""
    heading: str
    """The line above the digits in the text."""
    title: str
    """The title of the picture."""
    numbers: NDArray[np.int64]
    """Positions among the test images, from 0."""


@dataclass(frozen=True)
class Doubts:
    """The text and the pictures; `probabilities` are those of all test images, (count, classes)."""

    pixels: Pixels
    probabilities: NDArray[Any]
    summary: str
    """The text before the digits."""
    groups: tuple[Group, ...]
    matrix: ConfusionMatrix | None = None

    def __str__(self) -> str:
        return "\n\n".join([self.summary, *(self._text(group) for group in self.groups)])

    def pictures(self) -> Iterator[tuple[str, bytes]]:
        """Yield the file name and the PNG of each picture; needs matplotlib."""
        from cnn_experiment.look import pictures

        if self.matrix is not None:
            yield "confusion.png", pictures.png(pictures.confusion_matrix(*self.matrix))
        for group in self.groups:
            captions = [
                f"{number}: a {self.pixels.test_labels[number]}\n{self._likeliest(number, chr(10))}"
                for number in group.numbers
            ]
            images = list(self.pixels.test_images[group.numbers])
            sheet = pictures.digit_sheet(images, captions, group.title)
            yield f"{group.name}.png", pictures.png(sheet)

    def _text(self, group: Group) -> str:
        lines = [
            f"  image {number}, a {self.pixels.test_labels[number]}:"
            f" {self._likeliest(number, ', then ')}"
            for number in group.numbers
        ]
        return "\n".join([f"{group.heading}:", *lines])

    def _likeliest(self, number: int, between: str) -> str:
        """The two likeliest classes with `between` between them: `4 51.2 %, then 9 47.9 %`."""
        probabilities = self.probabilities[number]
        best = probabilities.argsort()[::-1][:2]
        return between.join(f"{digit} {100 * probabilities[digit]:.1f} %" for digit in best)


def all_doubts(pixels: Pixels, probabilities: NDArray[Any], count: int) -> Doubts:
    """Return the confusion matrix, the `count` least sure digits, and the misclassified digits."""
    labels = pixels.test_labels
    counts = confusion.confusion_counts(labels, probabilities)

    right = int(counts.trace())
    title = f"{right:,} of {len(labels):,} right, {right / len(labels):.2%}"
    rows = [[f"a {true}", *row] for true, row in enumerate(counts)]
    pairs = [
        f"a {true} taken for a {predicted}: {times}\n"
        for true, predicted, times in confusion.most_confused(counts)[:_MOST_CONFUSED]
    ]
    table = tabulate(rows, ["taken for", *range(len(counts))])
    summary = f"test images: {title}\n\n{table}\n\n{''.join(pairs)}".removesuffix("\n")

    least = confusion.least_sure(probabilities)[:count]
    groups = (
        Group("least_sure", "least sure of", f"the {len(least)} digits it is least sure of", least),
        _misclassified(labels, probabilities),
    )
    return Doubts(pixels, probabilities, summary, groups, ConfusionMatrix(counts, title))


def doubts_of_pair(
    pixels: Pixels, probabilities: NDArray[Any], count: int, pair: tuple[int, int]
) -> Doubts:
    """Return the `count` digits of two classes that are likeliest to be the other class."""
    one, other = pair
    predicted = probabilities.argmax(axis=1)
    lines = []
    for true, mistaken in ((one, other), (other, one)):
        members = pixels.test_labels == true
        times = int((members & (predicted == mistaken)).sum())
        lines.append(f"a {true} taken for a {mistaken}: {times} of {int(members.sum()):,}")
    group = Group(
        f"pair_{one}_{other}",
        f"likeliest {one} and {other} to be the other",
        f"of the {one} and {other}, those likeliest to be the other",
        confusion.between(pair, pixels.test_labels, probabilities)[:count],
    )
    return Doubts(pixels, probabilities, "\n".join(lines), (group,))


def _misclassified(labels: NDArray[np.int64], probabilities: NDArray[Any]) -> Group:
    """The misclassified digits, at most as many as one sheet holds."""
    wrong = confusion.misclassified(labels, probabilities)
    shown = wrong[:MOST_ON_A_SHEET]
    part = f"{len(shown)} of the " if len(shown) < len(wrong) else ""
    title = f"{part}{len(wrong)} misclassified digits, the surest mistakes first"
    return Group("misclassified", title, title, shown)
