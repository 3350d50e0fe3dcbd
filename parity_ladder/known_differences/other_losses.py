"""A known difference in the kind of a loss: the port has another one."""

from typing import Any

import keras

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.loss_terms import Array, Term
from parity_ladder.known_differences.places import LossPlace
from parity_ladder.known_differences.whole_loss import with_terms

_K = keras.losses
_OTHERS = (
    _K.mean_squared_error, _K.mean_absolute_error, _K.huber, _K.log_cosh,
    _K.mean_squared_logarithmic_error, _K.poisson, _K.binary_crossentropy,
    _K.categorical_crossentropy, _K.categorical_hinge, _K.hinge,
)  # fmt: skip
_KNOWN_BY_THEMSELVES = {
    ("mean_squared_error", "mean_absolute_error"),
    ("mean_absolute_error", "mean_squared_error"),
    ("binary_crossentropy", "categorical_crossentropy"),
    ("categorical_crossentropy", "binary_crossentropy"),
    ("sparse_categorical_crossentropy", "binary_crossentropy"),
}
"""The losses of Keras and the port that have an entry of their own."""


@known(
    "another loss",
    rung="loss",
    area="losses",
    source="keras/src/losses/losses.py; torch/nn/functional.py",
)
def another_loss(place: LossPlace) -> Any:
    """The port has a loss of another kind than the Keras model was compiled with.

    Write the one of the model, such as `F.huber_loss(predictions, labels)` for `Huber()`, or
    `F.binary_cross_entropy(predictions, labels)` for `BinaryCrossentropy()`.
    """

    def losses_of(function: Any, *, probabilities: bool) -> dict[str, float] | None:
        def wrong(term: Term) -> Array | None:
            pair = term.kind, function.__name__
            if pair[0] == pair[1] or pair in _KNOWN_BY_THEMSELVES:
                return None
            labels = term.targets if term.kind.startswith("sparse") else term.same_rank_labels
            outputs = term.probabilities if probabilities else term.predictions
            if labels.shape != outputs.shape:
                return None
            return term.values(labels=labels, predictions=outputs, function=function)

        return with_terms(place, wrong)

    found = [
        losses_of(function, probabilities=probabilities)
        for function in _OTHERS
        for probabilities in (False, True)
    ]
    return place.nearest([each for each in found if each is not None])
