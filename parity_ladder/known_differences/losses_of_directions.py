"""Known differences in losses of distributions, directions and margins."""

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.loss_terms import Array, Term
from parity_ladder.known_differences.places import LossPlace
from parity_ladder.known_differences.whole_loss import with_terms

_KERAS = "keras/src/losses/losses.py"
_KL = f"{_KERAS} (kl_divergence); torch/nn/functional.py (kl_div)"
_HINGES = ("hinge", "squared_hinge")


def _of_kind(place: LossPlace, kind: str, loss: Any) -> Any:
    """Return the losses with another one in the place of those of a kind."""
    return with_terms(place, lambda term: loss(term) if term.kind == kind else None)


def _as_tensors(term: Term) -> tuple[torch.Tensor, torch.Tensor]:
    """Return predictions and labels, raised to 1e-7."""
    smallest = 1e-7
    predictions = torch.from_numpy(term.predictions).clamp(min=smallest)
    return predictions, torch.from_numpy(term.same_rank_labels).clamp(min=smallest)


@known("KL divergence averaged over classes", rung="loss", area="losses", source=_KL)
def averaged_over_classes(place: LossPlace) -> Any:
    """The port's `F.kl_div` averages over samples and classes, as it does by default.

    Keras' KLDivergence adds up the classes and averages over samples. Write
    `F.kl_div(logarithms, labels, reduction="batchmean")`.
    """
    return _of_kind(place, "kl_divergence", lambda term: term.right / term.predictions.shape[-1])


@known("KL divergence with arguments exchanged", rung="loss", area="losses", source=_KL)
def exchanged(place: LossPlace) -> Any:
    """The port's KL divergence is that of the labels from the predictions, the wrong way round.

    `F.kl_div` takes the logarithm of the predictions first, then the labels. Write
    `F.kl_div(predictions.log(), labels, reduction="batchmean")`.
    """

    def loss(term: Term) -> Array:
        predictions, labels = _as_tensors(term)
        losses = functional.kl_div(labels.log(), predictions, reduction="none")
        return losses.sum(-1).numpy()

    return _of_kind(place, "kl_divergence", loss)


@known("KL divergence without the logarithm", rung="loss", area="losses", source=_KL)
def without_logarithm(place: LossPlace) -> Any:
    """The port gives `F.kl_div` probabilities, and it takes their logarithms.

    Write `F.kl_div(predictions.log(), labels, reduction="batchmean")`.
    """

    def loss(term: Term) -> Array:
        predictions, labels = _as_tensors(term)
        return functional.kl_div(predictions, labels, reduction="none").sum(-1).numpy()

    return _of_kind(place, "kl_divergence", loss)


@known("cosine similarity not negated", rung="loss", area="losses", source=_KERAS)
def not_negated(place: LossPlace) -> Any:
    """The port's loss is the cosine similarity itself, so training makes it small.

    Keras' CosineSimilarity is negated. Write `-F.cosine_similarity(predictions, labels).mean()`.
    """
    return _of_kind(place, "cosine_similarity", lambda term: -term.right)


@known(
    "one minus the cosine similarity",
    rung="loss",
    area="losses",
    source=f"{_KERAS}; torch/nn/modules/loss.py (CosineEmbeddingLoss)",
)
def one_minus(place: LossPlace) -> Any:
    """The port's loss is 1 minus the cosine similarity; in Keras it is the negated similarity.

    Both have equal gradients and train alike, but the reported loss is 1 larger. Write
    `-F.cosine_similarity(predictions, labels).mean()`.
    """
    return _of_kind(place, "cosine_similarity", lambda term: 1 + term.values())


@known("hinge of labels 0 and 1", rung="loss", area="losses", source=_KERAS)
def hinge_labels(place: LossPlace) -> Any:
    """The port's hinge loss gets labels 0 and 1, and it is made for -1 and 1.

    Keras converts them by itself. Write `F.relu(1 - (2 * labels - 1) * predictions).mean()`.
    """

    def loss(term: Term) -> Array | None:
        labels = term.same_rank_labels
        if term.kind not in _HINGES or not np.isin(labels, (0, 1)).all():
            return None
        margins = np.maximum(1 - labels * term.predictions, 0)
        return np.asarray((margins ** (1 + _HINGES.index(term.kind))).mean(-1))

    return with_terms(place, loss)


@known("squared hinge without the square", rung="loss", area="losses", source=_KERAS)
def hinge_not_squared(place: LossPlace) -> Any:
    """The port's hinge loss is not squared, and Keras' SquaredHinge is.

    Write `F.relu(1 - labels * predictions).square().mean()`, with labels -1 and 1.
    """
    from keras.losses import hinge

    return _of_kind(place, "squared_hinge", lambda term: term.values(function=hinge))


@known(
    "multi_margin_loss for CategoricalHinge",
    rung="loss",
    area="losses",
    source=f"{_KERAS} (categorical_hinge); torch/nn/modules/loss.py (MultiMarginLoss)",
)
def multi_margin(place: LossPlace) -> Any:
    """The port has `F.multi_margin_loss`, which averages over all wrong classes.

    Keras' CategoricalHinge takes the worst wrong class alone. Write
    `F.relu(1 + ((1 - labels) * scores).amax(-1) - (labels * scores).sum(-1)).mean()`.
    """

    def loss(term: Term) -> Array:
        losses = functional.multi_margin_loss(
            torch.from_numpy(term.predictions), torch.from_numpy(term.classes), reduction="none"
        )
        return losses.numpy()

    return _of_kind(place, "categorical_hinge", loss)


@known("categorical hinge without its zero", rung="loss", area="losses", source=_KERAS)
def without_zero(place: LossPlace) -> Any:
    """The port's categorical hinge takes the highest score of the wrong classes alone.

    In Keras a 0 stands among them in the place of the right class, so the highest is never
    negative. Write `((1 - labels) * scores).amax(-1)`.
    """

    def loss(term: Term) -> Array:
        right = (term.same_rank_labels * term.predictions).sum(-1)
        others = np.where(term.same_rank_labels == 1, -np.inf, term.predictions).max(-1)
        return np.asarray(np.maximum(1 + others - right, 0))

    return _of_kind(place, "categorical_hinge", loss)
