"""Known differences in losses of numbers: errors of regression, and what stands for them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.loss_terms import Array, Term
from parity_ladder.known_differences.places import LossPlace
from parity_ladder.known_differences.whole_loss import with_terms

_KERAS = "keras/src/losses/losses.py"
_ELEMENTWISE: dict[str, Callable[[Array], Array]] = {
    "mean_squared_error": lambda error: error**2,
    "mean_absolute_error": np.abs,
    "log_cosh": lambda error: np.logaddexp(error, -error) - np.log(2.0),
}
"""By the name of Keras' function: the loss of the differences of predictions and labels."""


@known("labels broadcast", rung="loss", area="losses", source=f"{_KERAS}; keras/src/losses/loss.py")
def broadcast(place: LossPlace) -> Any:
    """The port subtracts labels (batch,) from predictions (batch, 1), so each from each.

    Keras brings both to one shape first; PyTorch broadcasts them to (batch, batch). Write
    `predictions.squeeze(-1) - labels`, or `labels.unsqueeze(-1)`.
    """

    def wrong(term: Term) -> float | None:
        loss = _ELEMENTWISE.get(term.kind)
        labels, predictions = term.labels.astype(term.dtype), term.predictions
        if loss is None or predictions.ndim != labels.ndim + 1 or predictions.shape[-1] != 1:
            return None
        return float(np.mean(loss(predictions - labels)))

    return with_terms(place, wrong)


@known("absolute errors for squared ones", rung="loss", area="losses", source=_KERAS)
def absolute_errors(place: LossPlace) -> Any:
    """The port averages absolute errors where Keras averages squared ones.

    Write `F.mse_loss(predictions, labels)` in place of `F.l1_loss`.
    """
    return with_terms(place, lambda term: _other_kind(term, "mean_squared_error", np.abs))


@known("squared errors for absolute ones", rung="loss", area="losses", source=_KERAS)
def squared_errors(place: LossPlace) -> Any:
    """The port averages squared errors where Keras averages absolute ones.

    Write `F.l1_loss(predictions, labels)` in place of `F.mse_loss`.
    """
    return with_terms(place, lambda term: _other_kind(term, "mean_absolute_error", np.square))


def _other_kind(term: Term, kind: str, loss: Any) -> Array | None:
    if term.kind != kind:
        return None
    return np.asarray(loss(term.predictions - term.same_rank_labels).mean(-1))


@known("root of the mean squared error", rung="loss", area="losses", source=_KERAS)
def root(place: LossPlace) -> Any:
    """The port trains on the root of the mean squared error, where Keras takes no root.

    Write `F.mse_loss(predictions, labels)`, and take the root for the report alone.
    """
    return with_terms(
        place, lambda term: np.sqrt(term.right) if term.kind == "mean_squared_error" else None
    )


@known("half the squared error", rung="loss", area="losses", source=_KERAS)
def half(place: LossPlace) -> Any:
    """The port's loss is half the mean squared error.

    Textbooks have the half, since it makes the gradient shorter to write; Keras has not. Write
    `F.mse_loss(predictions, labels)`.
    """
    if len(place.terms) > 1:
        return None
    return with_terms(
        place, lambda term: term.right / 2 if term.kind == "mean_squared_error" else None
    )


@known(
    "smooth_l1_loss for Huber",
    rung="loss",
    area="losses",
    source=f"{_KERAS} (huber); torch/nn/modules/loss.py (SmoothL1Loss)",
)
def smooth_l1(place: LossPlace) -> Any:
    """The port has `F.smooth_l1_loss(beta=delta)`, which is Keras' Huber loss divided by delta.

    Write `F.huber_loss(predictions, labels, delta=delta)`.
    """

    def wrong(term: Term) -> float | None:
        delta = float(term.settings.get("delta", 1.0))
        return term.right / delta if term.kind == "huber" and delta != 1 else None

    return with_terms(place, wrong)


@known(
    "delta of Huber at its default",
    rung="loss",
    area="losses",
    source=f"{_KERAS} (huber); torch/nn/modules/loss.py (HuberLoss)",
)
def default_delta(place: LossPlace) -> Any:
    """The port's Huber loss has PyTorch's default delta of 1, and Keras' has another one.

    Write `F.huber_loss(predictions, labels, delta=...)` with Keras' number.
    """

    def wrong(term: Term) -> Array | None:
        is_default = float(term.settings.get("delta", 1.0)) == 1
        return term.values(delta=1.0) if term.kind == "huber" and not is_default else None

    return with_terms(place, wrong)


@known("percentages as fractions", rung="loss", area="losses", source=_KERAS)
def fractions(place: LossPlace) -> Any:
    """The port's mean absolute percentage error is a fraction; Keras' is 100 times as large.

    Write `100 * ((predictions - labels) / labels.abs().clamp(min=1e-7)).abs().mean()`.
    """
    return with_terms(
        place,
        lambda term: term.right / 100 if term.kind == "mean_absolute_percentage_error" else None,
    )
