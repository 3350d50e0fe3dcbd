"""Known differences in losses of counts: Poisson, and squared errors of logarithms."""

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.loss_terms import Array, Term
from parity_ladder.known_differences.places import LossPlace
from parity_ladder.known_differences.whole_loss import with_terms

_KERAS = "keras/src/losses/losses.py"


@known("logarithm without the 1", rung="loss", area="losses", source=_KERAS)
def logarithm_without_one(place: LossPlace) -> Any:
    """The port takes log(x) where Keras takes log(x + 1), in the mean squared logarithmic error.

    Write `F.mse_loss(torch.log1p(predictions), torch.log1p(labels))`, both clipped to 1e-7.
    """

    def wrong(term: Term) -> Array | None:
        if term.kind != "mean_squared_logarithmic_error":
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            logarithms = np.log(term.predictions), np.log(term.same_rank_labels)
        return np.asarray(np.square(logarithms[0] - logarithms[1]).mean(-1))

    return with_terms(place, wrong)


@known("logarithms of negative predictions", rung="loss", area="losses", source=_KERAS)
def not_clipped(place: LossPlace) -> Any:
    """The port's mean squared logarithmic error takes predictions below 0 as they are.

    Keras raises predictions and labels to 1e-7 before the logarithm, so that those below have no
    gradient. Write `torch.log1p(predictions.clamp(min=1e-7))`.
    """

    def wrong(term: Term) -> Array | None:
        if term.kind != "mean_squared_logarithmic_error" or term.predictions.min() <= -1:
            return None
        logarithms = np.log1p(term.predictions), np.log1p(term.same_rank_labels)
        return np.asarray(np.square(logarithms[0] - logarithms[1]).mean(-1))

    return with_terms(place, wrong)


@known(
    "log rates in a Poisson loss",
    rung="loss",
    area="losses",
    source=f"{_KERAS} (poisson); torch/nn/modules/loss.py (PoissonNLLLoss)",
)
def log_rates(place: LossPlace) -> Any:
    """The port's `F.poisson_nll_loss` takes the predictions for the logarithms of rates.

    That is its default; Keras takes them for rates. Write
    `(predictions - labels * torch.log(predictions + 1e-7)).mean()`.
    """
    return with_terms(place, lambda term: _poisson(term, log_input=True))


@known(
    "another epsilon in a Poisson loss",
    rung="loss",
    area="losses",
    source=f"{_KERAS} (poisson); torch/nn/modules/loss.py (PoissonNLLLoss)",
)
def poissons_epsilon(place: LossPlace) -> Any:
    """The port's `F.poisson_nll_loss` adds 1e-8 to the rates before the logarithm; Keras adds 1e-7.

    Write `F.poisson_nll_loss(rates, labels, log_input=False, eps=1e-7)`.
    """
    return with_terms(place, lambda term: _poisson(term, log_input=False))


def _poisson(term: Term, *, log_input: bool) -> Array | None:
    if term.kind != "poisson":
        return None
    losses = functional.poisson_nll_loss(
        torch.from_numpy(term.predictions),
        torch.from_numpy(term.same_rank_labels),
        log_input=log_input,
        reduction="none",
    )
    return losses.mean(-1).numpy()
