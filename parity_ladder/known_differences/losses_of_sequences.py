"""Known differences in losses of sequences and pixels."""

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.loss_terms import Array, Term
from parity_ladder.known_differences.losses_of_logits import ENTROPIES, cross_entropy
from parity_ladder.known_differences.places import LossPlace
from parity_ladder.known_differences.whole_loss import with_terms


@known(
    "classes moved by a reshape",
    rung="loss",
    area="losses",
    source="torch/nn/modules/loss.py (CrossEntropyLoss); keras/src/losses/losses.py",
)
def reshaped_classes(place: LossPlace) -> Any:
    """The port brings the classes to axis 1 with `reshape` or `view`, which mixes the entries.

    Keras has classes last; PyTorch's cross-entropy has them second. Move the axis:
    `F.cross_entropy(logits.movedim(-1, 1), labels)`, or make one batch of all entries:
    `F.cross_entropy(logits.flatten(0, -2), labels.flatten())`.
    """

    def wrong(term: Term) -> Array | None:
        if term.kind not in ENTROPIES or term.scores is None or term.scores.ndim < 3:
            return None
        samples, *middle, classes = term.scores.shape
        moved = np.moveaxis(term.scores.reshape(samples, classes, *middle), 1, -1)
        logarithms = functional.log_softmax(torch.from_numpy(np.ascontiguousarray(moved)), -1)
        return cross_entropy(term, logarithms.numpy())

    return with_terms(place, wrong)


@known(
    "labels shifted once more",
    rung="loss",
    area="losses",
    source="keras/src/losses/losses.py; torch/nn/modules/loss.py (CrossEntropyLoss)",
)
def shifted_labels(place: LossPlace) -> Any:
    """The port compares each step's prediction with the label of the next step.

    The batches hold labels that are already shifted, as Keras compares step by step. Write
    `F.cross_entropy(logits.movedim(-1, 1), labels)` without `logits[:, :-1]` and `labels[:, 1:]`.
    """

    def wrong(term: Term) -> float | None:
        if term.kind not in ENTROPIES or term.scores is None or term.scores.ndim != 3:
            return None
        logarithms = functional.log_softmax(torch.from_numpy(term.scores), -1).numpy()
        return float(-(term.targets[:, 1:] * logarithms[:, :-1]).sum(-1).mean())

    return with_terms(place, wrong)
