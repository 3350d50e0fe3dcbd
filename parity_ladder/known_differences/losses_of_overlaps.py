"""Known differences in losses of overlaps."""

from typing import Any

import numpy as np

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


@known("Dice loss of each sample", rung="loss", area="losses", source=_KERAS)
def dice_of_samples(place: LossPlace) -> Any:
    """The port computes a Dice loss for each sample, and averages them.

    Keras' Dice is that of the whole batch, unless it has an `axis`. Sum over all axes:
    `1 - 2 * (labels * predictions).sum() / (labels.sum() + predictions.sum() + 1e-7)`.
    """

    def loss(term: Term) -> float | None:
        if term.settings.get("axis") is not None:
            return None
        within = tuple(range(1, term.predictions.ndim))
        return float(term.values(axis=within).mean())

    return _of_kind(place, "dice", loss)


@known("Dice loss with 1 added", rung="loss", area="losses", source=_KERAS)
def smoothed_dice(place: LossPlace) -> Any:
    """The port adds 1 to the numerator and the denominator of its Dice loss, to smooth it.

    Keras adds 1e-7 to the denominator alone. Write
    `1 - 2 * (labels * predictions).sum() / (labels.sum() + predictions.sum() + 1e-7)`.
    """

    def loss(term: Term) -> Array:
        axes = term.settings.get("axis")
        labels, predictions = term.same_rank_labels, term.predictions
        overlap = (labels * predictions).sum(axes)
        return np.asarray(1 - (2 * overlap + 1) / (labels.sum(axes) + predictions.sum(axes) + 1))

    return _of_kind(place, "dice", loss)


@known("alpha and beta of Tversky exchanged", rung="loss", area="losses", source=_KERAS)
def exchanged_tversky(place: LossPlace) -> Any:
    """The port's Tversky loss weighs false positives by alpha, as its article does.

    Keras' weighs what was missed by alpha, `labels * (1 - predictions)`, and false positives by
    beta, though it names them the other way round. Exchange the two in the port.
    """

    def loss(term: Term) -> Array:
        alpha, beta = (term.settings.get(name, 0.5) for name in ("alpha", "beta"))
        return term.values(alpha=beta, beta=alpha)

    return _of_kind(place, "tversky", loss)
