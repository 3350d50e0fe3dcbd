"""Known differences in what goes into a cross-entropy: logits, probabilities or logarithms."""

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.loss_terms import Array, Term
from parity_ladder.known_differences.places import LossPlace
from parity_ladder.known_differences.whole_loss import with_terms

_KERAS = "keras/src/losses/losses.py; keras/src/backend/tensorflow/nn.py"
ENTROPIES = ("categorical_crossentropy", "sparse_categorical_crossentropy")
BINARY = "binary_crossentropy"


def cross_entropy(term: Term, logarithms: Array) -> Array:
    """Return the cross-entropy of each sample, from the logarithms of its probabilities."""
    return np.asarray(-(term.targets * logarithms).sum(-1))


def softmax(scores: Array) -> Array:
    """Return the softmax over the last axis."""
    return torch.softmax(torch.from_numpy(scores), -1).numpy()


@known(
    "softmax applied twice",
    rung="loss",
    area="losses",
    source=f"{_KERAS}; torch/nn/modules/loss.py (CrossEntropyLoss)",
)
def softmax_twice(place: LossPlace) -> Any:
    """The port gives the probabilities of a softmax to `F.cross_entropy`, which takes logits.

    PyTorch's cross-entropy has the softmax in it, so there are two. Leave the softmax out of the
    network: `F.cross_entropy(logits, labels)`.
    """

    def wrong(term: Term) -> Array | None:
        if term.kind not in ENTROPIES or term.scores is None:
            return None
        logarithms = functional.log_softmax(torch.from_numpy(softmax(term.scores)), -1)
        return cross_entropy(term, logarithms.numpy())

    return with_terms(place, wrong)


@known(
    "sigmoid applied twice",
    rung="loss",
    area="losses",
    source=f"{_KERAS}; torch/nn/modules/loss.py (BCEWithLogitsLoss)",
)
def sigmoid_twice(place: LossPlace) -> Any:
    """The port gives the probabilities of a sigmoid to a loss that has a sigmoid in it.

    `F.binary_cross_entropy_with_logits` takes logits. Leave the sigmoid out of the network:
    `F.binary_cross_entropy_with_logits(logits, labels)`.
    """

    def wrong(term: Term) -> Array | None:
        if term.kind != BINARY or term.scores is None:
            return None
        probabilities = torch.sigmoid(torch.from_numpy(term.scores))
        targets = torch.from_numpy(term.targets)
        losses = functional.binary_cross_entropy_with_logits(
            probabilities, targets, reduction="none"
        )
        return losses.mean(-1).numpy()

    return with_terms(place, wrong)


@known(
    "logarithm left out before nll_loss",
    rung="loss",
    area="losses",
    source=f"{_KERAS}; torch/nn/modules/loss.py (NLLLoss)",
)
def logarithm_left_out(place: LossPlace) -> Any:
    """The port gives probabilities to `F.nll_loss`, which takes their logarithms.

    So its loss is minus the mean probability of the right class. Leave the softmax out of the
    network and write `F.cross_entropy(logits, labels)`, or put `log_softmax` in its place.
    """
    return with_terms(
        place,
        lambda term: (
            cross_entropy(term, softmax(term.scores))
            if term.kind in ENTROPIES and term.scores is not None
            else None
        ),
    )


@known(
    "softmax left out before nll_loss",
    rung="loss",
    area="losses",
    source=f"{_KERAS}; torch/nn/modules/loss.py (NLLLoss)",
)
def softmax_left_out(place: LossPlace) -> Any:
    """The port gives logits to `F.nll_loss`, which takes the logarithms of probabilities.

    So its loss has no lower bound. Write `F.cross_entropy(logits, labels)`.
    """
    return with_terms(
        place,
        lambda term: (
            cross_entropy(term, term.scores)
            if term.kind in ENTROPIES and term.scores is not None
            else None
        ),
    )


@known(
    "softmax over the samples",
    rung="loss",
    area="losses",
    source=f"{_KERAS}; torch/nn/functional.py (log_softmax)",
)
def over_samples(place: LossPlace) -> Any:
    """The port's softmax goes over axis 0, so over the samples of the batch.

    Keras' goes over the last axis, that of the classes. Write `F.log_softmax(logits, dim=-1)`, or
    `F.cross_entropy(logits, labels)`.
    """

    def wrong(term: Term) -> Array | None:
        if term.kind not in ENTROPIES or term.scores is None:
            return None
        return cross_entropy(term, torch.from_numpy(term.scores).log_softmax(0).numpy())

    return with_terms(place, wrong)


@known("cross_entropy for a binary loss", rung="loss", area="losses", source=_KERAS)
def categorical_for_binary(place: LossPlace) -> Any:
    """The port has `F.cross_entropy`, as if one class alone were right.

    Keras' BinaryCrossentropy judges each output by itself. Write
    `F.binary_cross_entropy_with_logits(logits, labels)`.
    """

    def wrong(term: Term) -> Array | None:
        if term.kind != BINARY or term.scores is None or term.scores.shape[-1] == 1:
            return None
        return cross_entropy(term, torch.from_numpy(term.scores).log_softmax(-1).numpy())

    return with_terms(place, wrong)


@known("binary loss for a cross-entropy", rung="loss", area="losses", source=_KERAS)
def binary_for_categorical(place: LossPlace) -> Any:
    """The port judges each class by itself, with a binary cross-entropy of one-hot labels.

    Keras' categorical cross-entropy has a softmax over the classes. Write
    `F.cross_entropy(logits, labels)`.
    """

    def wrong(term: Term) -> Array | None:
        if term.kind not in ENTROPIES or term.scores is None:
            return None
        losses = functional.binary_cross_entropy_with_logits(
            torch.from_numpy(term.scores), torch.from_numpy(term.targets), reduction="none"
        )
        return losses.mean(-1).numpy()

    return with_terms(place, wrong)
