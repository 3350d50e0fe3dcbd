"""The figures of the articles that `results/PLAN.md` gives a place among new runs."""

from collections.abc import Mapping

PLACES = 4
"""The articles print four places after the point."""

ACCURACY, LOSS = "accuracy after the last epoch", "loss after the last epoch"
HIGHEST, LOWEST = "highest accuracy after any epoch", "lowest loss after any epoch"
TRAINING_ACCURACY = "training accuracy after the last epoch"
FIRST_LOSS = "training loss of the first epoch"

_ARTICLE_3 = ((0.9940, 0.9944), (0.0237, 0.0245))
_ADDENDUM = ((0.9940, 0.9945), (0.0251, 0.0268))


def _of_the_best_epochs(
    accuracies: tuple[float, ...], losses: tuple[float, ...]
) -> dict[str, tuple[float, ...]]:
    """Return figures of epochs that the article chose, which are placed among last and best."""
    return {ACCURACY: accuracies, LOSS: losses, HIGHEST: accuracies, LOWEST: losses}


PUBLISHED: Mapping[str, Mapping[str, tuple[float, ...]]] = {
    "article-3": _of_the_best_epochs(*_ARTICLE_3),
    "article-3-addendum": _of_the_best_epochs(*_ADDENDUM),
    "article-3-first": _of_the_best_epochs((0.9932,), ()),
    "mlp": {
        ACCURACY: (0.7436,),
        LOSS: (),
        HIGHEST: (),
        LOWEST: (),
        TRAINING_ACCURACY: (0.7449,),
        FIRST_LOSS: (2.6700,),
    },
}
"""By preset and number: what the article has. Where two figures stand, they are the least and the
greatest of several epochs. An empty tuple stands for a number that the article does not have."""

ARTICLE_2_LOSSES = (0.1551, 0.0438, 0.0305, 0.0227, 0.0184)
"""Article II's losses on the training images, of its five epochs."""
