"""Known differences in label smoothing and focal losses."""

from typing import Any

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.loss_terms import Array, Term
from parity_ladder.known_differences.places import LossPlace
from parity_ladder.known_differences.whole_loss import with_terms


def smoothing(term: Term) -> float:
    """Return the label smoothing of a term."""
    return float(term.settings.get("label_smoothing") or 0.0)


@known(
    "label smoothing left out",
    rung="loss",
    area="losses",
    source="keras/src/losses/losses.py; torch/nn/modules/loss.py (CrossEntropyLoss)",
)
def smoothing_left_out(place: LossPlace) -> Any:
    """The port does not smooth the labels, which the Keras loss does.

    Write `F.cross_entropy(logits, labels, label_smoothing=...)` with Keras' number. PyTorch's
    binary cross-entropy has none: give it `labels * (1 - smoothing) + smoothing / 2`.
    """
    return with_terms(
        place, lambda term: term.values(label_smoothing=0.0) if smoothing(term) else None
    )


@known(
    "binary labels smoothed toward another value",
    rung="loss",
    area="losses",
    source="keras/src/losses/losses.py (binary_crossentropy)",
)
def smoothed_toward_classes(place: LossPlace) -> Any:
    """The port smooths the labels of a binary cross-entropy toward 1 / outputs, or toward 1 or 0.

    Keras smooths them toward one half, however many outputs there are. Write
    `labels * (1 - smoothing) + smoothing / 2`.
    """

    def toward(value: float | None) -> dict[str, float] | None:
        def wrong(term: Term) -> Array | None:
            if not smoothing(term) or not term.kind.startswith("binary"):
                return None
            goal = 1 / term.predictions.shape[-1] if value is None else value
            kept = term.same_rank_labels * (1 - smoothing(term))
            return term.values(labels=kept + goal * smoothing(term), label_smoothing=0.0)

        return with_terms(place, wrong)

    candidates = [toward(None), toward(1.0), toward(0.0)]
    return place.nearest(candidates)


@known(
    "classes balanced in a focal loss",
    rung="loss",
    area="losses",
    source="keras/src/losses/losses.py (binary_focal_crossentropy)",
)
def balanced_focal_loss(place: LossPlace) -> Any:
    """The port's focal loss weighs the two classes by alpha, as torchvision's does by default.

    Keras' BinaryFocalCrossentropy does so with `apply_class_balancing=True` only. Give
    `torchvision.ops.sigmoid_focal_loss` the argument `alpha=-1`.
    """

    def wrong(term: Term) -> Array | None:
        if term.kind != "binary_focal_crossentropy" or term.settings.get("apply_class_balancing"):
            return None
        return term.values(apply_class_balancing=True)

    return with_terms(place, wrong)


@known(
    "alpha left out of a focal loss",
    rung="loss",
    area="losses",
    source="keras/src/losses/losses.py (categorical_focal_crossentropy)",
)
def alpha_left_out(place: LossPlace) -> Any:
    """The port's focal loss of several classes is not multiplied by alpha.

    Keras' CategoricalFocalCrossentropy is, with 0.25 by default. Multiply the loss of each sample
    by alpha: `0.25 * (1 - p) ** gamma * -torch.log(p)`.
    """

    def wrong(term: Term) -> Array | None:
        if term.kind != "categorical_focal_crossentropy":
            return None
        return term.values(alpha=1.0)

    return with_terms(place, wrong)
