"""The terms of a loss, and the whole loss that they make where some of them are wrong."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import keras
import numpy as np

from parity_ladder.keras_side.randomness import as_array
from parity_ladder.keras_side.watching import watching
from parity_ladder.known_differences.loss_terms import Array, Term

if TYPE_CHECKING:
    from parity_ladder.known_differences.places import LossPlace, Place


def terms_of(place: "Place") -> list[Term]:
    """Return the terms of the loss, from a forward pass in the state of the place."""
    reference = place.reference
    model = reference.model
    x, y, weights = keras.utils.unpack_x_y_sample_weight(place.batch)
    with reference.at(place.state), watching(model), _seen_losses() as calls:
        predictions = model(reference.tensors(x), training=True)
        model.compute_loss(
            None, reference.tensors(y), predictions, reference.tensors(weights), training=True
        )
        return [
            Term(
                loss=loss,
                share=1.0 if part.loss_weights is None else float(part.loss_weights),
                labels=as_array(labels),
                predictions=as_array(output),
                logits=_marked(output, "_keras_logits"),
                weights=None if weight is None else as_array(weight),
                layers_mask=_marked(output, "_keras_mask"),
                dtype=reference.dtype,
            )
            for part, (loss, labels, output, weight) in zip(
                model._compile_loss._flat_losses, calls, strict=True
            )
        ]


@contextmanager
def _seen_losses() -> Iterator[list[tuple[Any, Any, Any, Any]]]:
    """Yield a list to which each call of a loss is added: itself, labels, predictions, weights."""
    calls: list[tuple[Any, Any, Any, Any]] = []
    original = keras.losses.Loss.__call__

    def seen(loss: Any, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        calls.append((loss, y_true, y_pred, sample_weight))
        return original(loss, y_true, y_pred, sample_weight)

    with patch.object(keras.losses.Loss, "__call__", seen):
        yield calls


def _marked(tensor: Any, mark: str) -> Array | None:
    value = getattr(tensor, mark, None)
    return None if value is None else as_array(value)


def with_terms(
    place: "LossPlace", wrong: Callable[[Term], float | Array | None]
) -> dict[str, float] | None:
    """Return the losses with some terms replaced; None if `wrong` returns None for all of them.

    `wrong` returns what a term is with the mistake, before it is multiplied by its share: a number,
    or the loss of each sample, which is then reduced as Keras does.
    """
    found = [(term, wrong(term)) for term in place.terms]
    changes = [
        term.share * (_as_term(term, value) - term.right)
        for term, value in found
        if value is not None
    ]
    return with_data_loss(place, data_loss(place) + sum(changes)) if changes else None


def _as_term(term: Term, value: float | Array) -> float:
    return term.reduced(value) if isinstance(value, np.ndarray) and value.ndim else float(value)


def data_loss(place: "LossPlace") -> float:
    """Return the loss without the penalty, as Keras computes it."""
    return float(place.theirs.data_loss or 0.0)


def with_data_loss(place: "LossPlace", value: float) -> dict[str, float]:
    """Return the losses of a port whose data loss is another one."""
    return {"data loss": value, "loss": value + (place.theirs.penalty or 0.0)}


def with_penalty(place: "LossPlace", value: float) -> dict[str, float]:
    """Return the losses of a port whose penalty is another one."""
    return {"penalty": value, "loss": data_loss(place) + value}
