"""What rounding does to activations and binary cross-entropy where little is left of a number.

Far from zero, tanh and sigmoid are one ulp from 1, and two sound implementations differ by that
ulp. Their slopes, `1 - tanh(x)**2` and `sigmoid(x) * (1 - sigmoid(x))`, and the gradient of a
binary cross-entropy, `sigmoid(x) - label`, are then so small that this ulp is a large part of them.
So it is with ELU and SELU just below 0, which TensorFlow computes as `exp(x) - 1`. Weights that are
one ulp away do not show it. So the reference's *rounding twin* also computes these operations with
noise of one ulp.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import tensorflow as tf
from keras.src import backend


@contextmanager
def noise_where_saturated() -> Iterator[None]:
    """Compute meanwhile with noise; what was compiled before has none."""
    tanh = _noisy(tf.nn.tanh, lambda y: 1 - y * y)
    sigmoid = _noisy(tf.nn.sigmoid, lambda y: y * (1 - y))

    def sigmoid_with_logits(x: Any) -> Any:
        output = sigmoid(x)
        output._keras_logits = x  # as Keras marks it, for the loss
        return output

    def with_noise(function: Callable[..., Any]) -> Callable[..., Any]:
        def computed(x: Any, *settings: Any, **named: Any) -> Any:
            y = function(x, *settings, **named)
            return y + _noise(y, 3)

        return computed

    binary = _noisy_loss(backend.nn.binary_crossentropy)
    with ExitStack() as stack:
        stack.enter_context(patch.object(backend.nn, "tanh", tanh))
        stack.enter_context(patch.object(backend.numpy, "tanh", tanh))
        stack.enter_context(patch.object(backend.nn, "sigmoid", sigmoid_with_logits))
        for name in ("elu", "selu"):
            function = with_noise(getattr(backend.nn, name))
            stack.enter_context(patch.object(backend.nn, name, function))
        stack.enter_context(patch.object(backend.nn, "binary_crossentropy", binary))
        yield


def _noisy(function: Callable[[Any], Any], slope: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function with noise; `slope` gets its output, which is at most 1."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def computed(x: Any) -> Any:
        y = function(x)
        y = tf.minimum(y * (1 + _noise(y, 0)), tf.ones((), y.dtype))
        return y, lambda upstream: upstream * slope(y)

    return lambda x: computed(tf.convert_to_tensor(x))


def _noisy_loss(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a cross-entropy whose gradients have noise, and whose values are one ulp of 1 larger.

    TensorFlow's own error has one sign for all samples: it does not go away in their mean.
    """

    def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
        logits = getattr(output, "_keras_logits", None)
        if logits is None and not from_logits:
            return original(target, output)

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def computed(logits: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(logits)
                losses = original(target, logits, from_logits=True)
            slopes = tape.gradient(losses, logits)
            noisy = slopes + _noise(slopes, 1)
            losses += _ulp(losses)
            return losses, lambda upstream: upstream * noisy

        return computed(tf.convert_to_tensor(output if logits is None else logits))

    return binary_crossentropy


def _noise(like: Any, seed: int) -> Any:
    """Return noise of one ulp of 1 at most, in a tensor's shape and dtype."""
    return _ulp(like) * tf.random.stateless_uniform(
        tf.shape(like), (seed, 1), -1, 1, dtype=like.dtype
    )


def _ulp(like: Any) -> Any:
    return np.finfo(like.dtype.as_numpy_dtype).eps
