"""What TensorFlow compiles: the training step of `fit`, and a forward pass with all its layers."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from parity_ladder.keras_side.exact_constants import with_noise
from parity_ladder.keras_side.watching import LayerCall, visible, watching


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
        "occurrences": (_sparse(gradients, trained), _sparse(after, trained)),
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


def _sparse(gradients: Sequence[Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the rows of the sparse gradients, those of embeddings."""
    return {
        name: gradient.values
        for name, gradient in zip(names, gradients, strict=True)
        if isinstance(gradient, tf.IndexedSlices)
    }


def _dense(gradients: Sequence[Any], variables: Sequence[keras.Variable]) -> list[Any]:
    """Return gradients as dense tensors: that of an embedding is sparse, a missing one is 0."""
    return [
        tf.zeros(variable.shape, variable.dtype)
        if gradient is None
        else tf.convert_to_tensor(gradient)
        for gradient, variable in zip(gradients, variables, strict=True)
    ]
