"""Known differences in cross-entropies of probabilities."""

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.loss_terms import Array, Term
from parity_ladder.known_differences.losses_of_logits import BINARY, ENTROPIES, cross_entropy
from parity_ladder.known_differences.places import LossPlace
from parity_ladder.known_differences.whole_loss import with_terms

_KERAS = "keras/src/losses/losses.py; keras/src/backend/tensorflow/nn.py"


def _is_sigmoid(term: Term) -> bool:
    """Return whether the predictions are the sigmoid of the logits that they carry."""
    return term.logits is not None and np.allclose(
        torch.sigmoid(torch.from_numpy(term.logits)).numpy(), term.predictions
    )


def _is_of_its_kind(term: Term) -> bool:
    """Return whether logits come from a softmax for a categorical loss, a sigmoid for a binary."""
    return term.logits is None or (term.kind == BINARY) == _is_sigmoid(term)


@known(
    "a small number added to probabilities",
    rung="loss",
    area="losses",
    source=_KERAS,
)
def epsilon_added(place: LossPlace) -> Any:
    """The port adds a small number to the probabilities before it takes their logarithm.

    Keras adds none: it computes the loss from the logits where a softmax or sigmoid makes the
    probabilities, and clips them to 1e-7 and 1 - 1e-7 otherwise. Write
    `F.cross_entropy(logits, labels)` or `F.binary_cross_entropy_with_logits(logits, labels)`.
    """
    candidates = [_added(place, 10.0**-digits) for digits in range(5, 16)]
    return place.nearest(candidates)


def _added(place: LossPlace, epsilon: float) -> dict[str, float] | None:
    def wrong(term: Term) -> Array | None:
        if not _is_of_its_kind(term):
            return None
        logarithms = np.log(term.probabilities + epsilon)
        if term.kind in ENTROPIES:
            return cross_entropy(term, logarithms)
        if term.kind != BINARY:
            return None
        others = np.log(1 - term.probabilities + epsilon)
        return np.asarray(-(term.targets * logarithms + (1 - term.targets) * others).mean(-1))

    return with_terms(place, wrong)


@known(
    "probabilities not clipped",
    rung="loss",
    area="losses",
    source=f"{_KERAS}; torch/nn/modules/loss.py (BCELoss)",
)
def not_clipped(place: LossPlace) -> Any:
    """The port takes the logarithm of probabilities as they are.

    Keras clips them to 1e-7 and 1 - 1e-7 first, so that its loss is at most 16.1; PyTorch's
    `binary_cross_entropy` only cuts the logarithm at -100. Clip by hand:
    `probabilities.clamp(1e-7, 1 - 1e-7)`.
    """

    def wrong(term: Term) -> Array | None:
        if term.scores is not None:
            return None
        return _of_probabilities(term)

    return with_terms(place, wrong)


@known(
    "loss of rounded probabilities",
    rung="loss",
    area="losses",
    source=f"{_KERAS} (_get_logits); torch/nn/modules/loss.py (BCELoss)",
)
def rounded_probabilities(place: LossPlace) -> Any:
    """The port computes the loss from probabilities that are rounded to 0 or 1.

    Where a softmax or sigmoid makes them, Keras on TensorFlow computes the loss from what goes into
    it, so there is neither rounding nor a bound. Leave softmax and sigmoid out of the network and
    write `F.cross_entropy(logits, labels)` or `F.binary_cross_entropy_with_logits(logits, labels)`.
    """

    def wrong(term: Term) -> Array | None:
        if term.scores is None or not _is_of_its_kind(term):
            return None
        return _of_probabilities(term)

    return with_terms(place, wrong)


def _of_probabilities(term: Term) -> Array | None:
    if term.kind in ENTROPIES:
        with np.errstate(divide="ignore", invalid="ignore"):
            return cross_entropy(term, np.log(term.probabilities))
    if term.kind != BINARY:
        return None
    losses = functional.binary_cross_entropy(
        torch.from_numpy(term.probabilities), torch.from_numpy(term.targets), reduction="none"
    )
    return losses.mean(-1).numpy()


@known(
    "probabilities clipped",
    rung="loss",
    area="losses",
    source=f"{_KERAS} (_get_logits)",
)
def clipped(place: LossPlace) -> Any:
    """The port clips probabilities to 1e-7 and 1 - 1e-7, as Keras' documents say.

    Where a softmax or sigmoid makes them, Keras on TensorFlow clips nothing: it computes the loss
    from what goes into the softmax. Write `F.cross_entropy(logits, labels)` or
    `F.binary_cross_entropy_with_logits(logits, labels)`.
    """

    def wrong(term: Term) -> Array | None:
        if term.kind not in (*ENTROPIES, BINARY) or term.scores is None:
            return None
        if not _is_of_its_kind(term):
            return None
        return term.values(predictions=term.probabilities, from_logits=False)

    return with_terms(place, wrong)


@known(
    "loss of a softmax that is none in Keras",
    rung="loss",
    area="losses",
    source=f"{_KERAS} (_get_logits)",
)
def other_function(place: LossPlace) -> Any:
    """The model joins a softmax with a binary cross-entropy, or a sigmoid with a categorical one.

    The port computes that loss of the probabilities. Keras on TensorFlow takes what goes into the
    softmax or sigmoid, and applies the other function to it. To be equal, leave both out of the
    network: `F.binary_cross_entropy_with_logits(logits, labels)` for a binary cross-entropy,
    `F.cross_entropy(logits, labels)` for a categorical one. The model is better changed, too.
    """

    def wrong(term: Term) -> Array | None:
        if _is_of_its_kind(term):
            return None
        return _of_probabilities(term)

    return with_terms(place, wrong)
