"""Known differences in how the losses of samples and steps become one number."""

from typing import Any

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.loss_terms import Term
from parity_ladder.known_differences.places import LossPlace
from parity_ladder.known_differences.whole_loss import with_terms

_KERAS = "keras/src/losses/loss.py"
_BOTH = f"{_KERAS}; torch/nn/modules/loss.py"
_OUTPUTS = "keras/src/trainers/compile_utils.py (CompileLoss)"
_AVERAGES = ("sum_over_batch_size", "mean", "mean_with_sample_weight")
_AVERAGING = {
    "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error", "huber", "log_cosh", "poisson", "hinge", "squared_hinge",
    "binary_crossentropy", "binary_focal_crossentropy",
}  # fmt: skip
"""Keras' functions that average over the last axis of the predictions."""


def _averaged_axis(term: Term) -> int:
    """Return the length of the last axis if Keras' function averages over it, otherwise 1."""
    return term.predictions.shape[-1] if term.kind in _AVERAGING else 1


@known("loss added up over the batch", rung="loss", area="losses", source=_BOTH)
def summed(place: LossPlace) -> Any:
    """The port adds up the losses of the batch, as `reduction="sum"` does.

    Keras averages them. Write `reduction="mean"`, which is the default.
    """

    def wrong(term: Term) -> float | None:
        if term.loss.reduction not in _AVERAGES:
            return None
        return _averaged_axis(term) * term.reduced(term.values(), reduction="sum")

    return with_terms(place, wrong)


@known("loss added up over outputs", rung="loss", area="losses", source=_BOTH)
def summed_over_outputs(place: LossPlace) -> Any:
    """The port adds up the losses of a sample, and averages over samples alone.

    Keras averages over all but what the loss itself adds up: over outputs, steps and pixels, too.
    Write `F.mse_loss(predictions, labels)`, or `.mean()` in place of `.sum(1).mean()` or
    `.sum() / len(labels)`.
    """

    def wrong(term: Term) -> float | None:
        values = term.values()
        losses = _averaged_axis(term) * values.size // len(term.predictions)
        if term.loss.reduction not in _AVERAGES or losses == 1:
            return None
        return losses * term.reduced(values, reduction="sum_over_batch_size")

    return with_terms(place, wrong)


@known("loss averaged for a sum", rung="loss", area="losses", source=_BOTH)
def averaged(place: LossPlace) -> Any:
    """The port averages the losses of the batch; the Keras loss has `reduction="sum"`.

    Add up what Keras adds up: `F.cross_entropy(logits, labels, reduction="sum")`, or
    `((predictions - labels) ** 2).mean(-1).sum()`, since Keras averages the last axis first.
    """
    return with_terms(
        place,
        lambda term: (
            term.reduced(term.values(), reduction="sum_over_batch_size")
            if term.loss.reduction == "sum"
            else None
        ),
    )


@known(
    "loss divided by the sum of weights",
    rung="loss",
    area="losses",
    source=f"{_KERAS}; torch/nn/modules/loss.py (CrossEntropyLoss, weight)",
)
def divided_by_weights(place: LossPlace) -> Any:
    """The port divides the weighted losses by the sum of the weights.

    So does PyTorch's `cross_entropy(weight=)`. Keras divides by the number of samples, with
    `class_weight` as with `sample_weight`. Write
    `(F.cross_entropy(logits, labels, reduction="none") * weights).mean()`.
    """
    return with_terms(
        place,
        lambda term: (
            term.reduced(term.values(), reduction="mean_with_sample_weight")
            if term.weights is not None and term.loss.reduction in _AVERAGES[:2]
            else None
        ),
    )


@known("weighted loss divided by the number of samples", rung="loss", area="losses", source=_BOTH)
def divided_by_samples(place: LossPlace) -> Any:
    """The port divides the weighted losses by the number of samples.

    The Keras loss has `reduction="mean_with_sample_weight"`, which divides by the sum of the
    weights. Write `(losses * weights).sum() / weights.sum()`.
    """
    return with_terms(
        place,
        lambda term: (
            term.reduced(term.values(), reduction="sum_over_batch_size")
            if term.weights is not None and term.loss.reduction == "mean_with_sample_weight"
            else None
        ),
    )


@known("sample weights left out", rung="loss", area="losses", source=_KERAS)
def weights_left_out(place: LossPlace) -> Any:
    """The port does not weigh the samples, though the batches hold weights.

    Take them as the third argument of the step, and write
    `(F.cross_entropy(logits, labels, reduction="none") * weights).mean()`.
    """
    return with_terms(
        place,
        lambda term: None if term.weights is None else term.reduced(term.values(), weights=None),
    )


@known("masked steps counted in the mean", rung="loss", area="losses", source=_KERAS)
def masked_mean(place: LossPlace) -> Any:
    """The port sets the losses of masked entries to 0 and averages over all entries.

    Keras divides by the number of those that are not masked, for an `ignore_class`, too. Write
    `losses[mask].mean()`.
    """

    def wrong(term: Term) -> float | None:
        if term.mask is None or term.loss.reduction not in _AVERAGES:
            return None
        values = term.values()
        kept = values * term.mask.reshape(values.shape)
        return term.reduced(kept, mask=None)

    return with_terms(place, wrong)


@known("loss of masked steps", rung="loss", area="losses", source=_KERAS)
def mask_left_out(place: LossPlace) -> Any:
    """The port's loss has the masked steps in it, and Keras leaves them out.

    Keras' layers pass a mask on, from `Embedding(mask_zero=True)` or `Masking` to the loss. Write
    `losses[mask].mean()`, with `mask = tokens != 0`.
    """
    return with_terms(
        place,
        lambda term: None if term.layers_mask is None else term.reduced(term.values(), mask=None),
    )


@known(
    "ignored class not ignored",
    rung="loss",
    area="losses",
    source="keras/src/losses/losses.py (sparse_categorical_crossentropy); torch/nn/modules/loss.py",
)
def ignored_class(place: LossPlace) -> Any:
    """The port's cross-entropy has the samples of a class in it that Keras ignores.

    Write `F.cross_entropy(logits, labels, ignore_index=...)` with Keras' `ignore_class`.
    """

    def wrong(term: Term) -> float | None:
        ignored = term.settings.get("ignore_class")
        if ignored is None or not 0 <= int(ignored) < term.predictions.shape[-1]:
            return None
        return term.reduced(term.values(ignore_class=None), mask=term.layers_mask)

    return with_terms(place, wrong)
