"""What TensorFlow compiles: the training step of `fit`, and a forward pass with all its layers."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from parity_ladder.keras_side.exact_constants import with_noise
from parity_ladder.keras_side.watching import LayerCall, visible, watching

Array = NDArray[Any]


def training_step(
    model: keras.Model, names: Mapping[int, str], x: Any, y: Any, weights: Any, *, is_noisy: bool
) -> dict[str, Any]:
    """Make the update that `fit` makes with a batch, and return what it computes on its way.

    `names` are those of the variables by their `id`. With `is_noisy`, the gradients get noise as
    rounding makes it.
    """
    with watching(model), tf.GradientTape() as tape:
        predictions = model(x, training=True)
        loss = model.compute_loss(
            x=x, y=y, y_pred=predictions, sample_weight=weights, training=True
        )
    penalties = list(model.losses)
    penalty = tf.add_n(penalties) if penalties else tf.zeros((), loss.dtype)
    variables = model.trainable_variables
    trained = [names[id(variable)] for variable in variables]
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    if is_noisy:
        gradients = with_noise(gradients)
    optimizer = model.optimizer
    rate = optimizer.learning_rate * 1

    clipped = iter(optimizer._clip_gradients([g for g in gradients if g is not None]))
    after = [None if gradient is None else next(clipped) for gradient in gradients]
    optimizer.apply(gradients, variables)
    return {
        "occurrences": (_rows(gradients, trained), _rows(after, trained)),
        "tokens": {n: g.indices for n, g in zip(trained, gradients, strict=True) if _is_sparse(g)},
        "loss": loss,
        "data_loss": loss - penalty if penalties else loss,
        "penalty": penalty,
        "has_penalty": bool(penalties),
        "gradients": _dense(gradients, variables),
        "clipped": _dense(after, variables),
        "rate": rate,
        "predictions": predictions,
    }


def forward_pass(model: keras.Model, x: Any) -> list[LayerCall]:
    """Return the calls of layers in training mode, as far as they can be seen."""
    with watching(model) as calls:
        model(x, training=True)
    return [call for call in calls if all(map(visible, call.inputs + call.outputs))]


def _rows(gradients: Sequence[Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the rows of the sparse gradients, those of embeddings."""
    return {n: g.values for n, g in zip(names, gradients, strict=True) if _is_sparse(g)}


def _is_sparse(gradient: Any) -> bool:
    return isinstance(gradient, tf.IndexedSlices)


def as_sparse(gradient: Array, rows: Array | None, tokens: Array | None) -> Any:
    """Return a dense gradient as a tensor, sparse where there are `rows` with their `tokens`.

    The rows are moved so that those of a token add up to its row in the dense gradient.
    """
    if rows is None or tokens is None:
        return tf.constant(gradient)
    total, counts = np.zeros_like(gradient), np.zeros(len(gradient))
    np.add.at(total, tokens, rows.reshape(len(tokens), -1))
    np.add.at(counts, tokens, 1)
    moved = rows + (gradient - total)[tokens] / counts[tokens, None]
    return tf.IndexedSlices(tf.constant(moved), tf.constant(tokens), tf.constant(gradient.shape))


def _dense(gradients: Sequence[Any], variables: Sequence[keras.Variable]) -> list[Any]:
    """Return gradients as dense tensors: that of an embedding is sparse, a missing one is 0."""
    return [
        tf.zeros(variable.shape, variable.dtype)
        if gradient is None
        else tf.convert_to_tensor(gradient)
        for gradient, variable in zip(gradients, variables, strict=True)
    ]
