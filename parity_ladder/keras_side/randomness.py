"""Dropout in a Keras model by masks that the other side draws, too; any other chance is refused."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import keras
import numpy as np
import tensorflow as tf
from keras.src import backend

from parity_ladder.dropout_masks import Dropout, kept_values
from parity_ladder.errors import LadderError
from parity_ladder.keras_side.watching import inside_recurrent_layer, running_layer

_DRAWS = ("normal", "uniform", "truncated_normal", "gamma", "beta", "binomial", "categorical")
"""Keras' functions that draw random numbers, besides dropout."""


@contextmanager
def dropout_by_names(
    mode: Dropout, iteration: Callable[[], int], droppers: dict[str, float]
) -> Iterator[None]:
    """Let dropout drop what `kept_values` says, or nothing, within a watched call of the model.

    `iteration` returns the number of updates made before; it is called whenever a mask is drawn, so
    also in a compiled graph that was made earlier. The names of the layers that would drop values
    are added to `droppers`, with their rates. Raises `LadderError` for a layer whose random
    numbers the other side cannot draw.
    """

    def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:  # noqa: ARG001
        if rate == 0:
            return inputs
        layer = running_layer() or "?"
        droppers[layer] = float(rate)
        if mode == "off":
            return inputs
        if inside_recurrent_layer():
            raise LadderError(
                f"{layer} drops values inside a recurrent layer, where a port cannot be given the"
                ' same mask; accepted: its dropout set to 0, or dropout="off" on both sides'
            )
        shape = tf.shape(inputs) if noise_shape is None else _concrete(inputs, noise_shape)

        def drawn(size: Any) -> Any:
            return kept_values(layer, iteration(), tuple(int(n) for n in size), rate)

        kept = tf.numpy_function(drawn, [shape], tf.bool)
        scaled = inputs * tf.constant(1 / (1 - rate), inputs.dtype)
        dropped = tf.where(kept, scaled, tf.zeros((), inputs.dtype))
        dropped.set_shape(inputs.shape)
        return dropped

    def refused(*_: Any, **__: Any) -> Any:
        layer = running_layer()
        raise LadderError(
            f"layer {layer} draws random numbers that a port cannot draw alike; accepted: dropout"
            " as the only chance in a model, or this layer without noise"
        )

    with ExitStack() as stack:
        stack.enter_context(patch.object(backend.random, "dropout", dropout))
        for name in _DRAWS:
            if hasattr(backend.random, name):
                stack.enter_context(patch.object(backend.random, name, refused))
        yield


def _concrete(inputs: Any, noise_shape: Any) -> Any:
    """Return the shape of a mask that is repeated along some axes, which are 1 in it."""
    there = tf.shape(inputs)
    return tf.stack([there[i] if n is None else n for i, n in enumerate(noise_shape)])


def seeds_of(model: keras.Model) -> set[int]:
    """Return the `id`s of the variables that hold the seeds of random layers."""
    seeds = set()
    for layer in model._flatten_layers(include_self=True):
        for generator in getattr(layer, "_seed_generators", []):
            seeds.add(id(generator.state))
    return seeds


def as_array(value: Any) -> np.ndarray[Any, Any]:
    """Return a tensor or variable as an array of its own."""
    return np.array(keras.ops.convert_to_numpy(value))
