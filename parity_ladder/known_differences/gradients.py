"""Known differences in what the backward pass reaches, and in what it adds to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import keras
import numpy as np
import tensorflow as tf
from keras.src import backend

from parity_ladder.known_differences.calling_again import Gradients, gradients_again
from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import GradientsPlace

MOST_CUTS = 100
"""The number of places between two layers, at most, at which a cut is tried."""


@known(
    "gradients not cleared",
    rung="gradients",
    area="loop",
    source="torch/optim/optimizer.py (zero_grad); torch/_tensor.py (backward)",
)
def not_cleared(place: GradientsPlace) -> Any:
    """The port does not clear its gradients, so each step adds its own to those before.

    `backward` adds to `.grad`. Write `optimizer.zero_grad()` before each `loss.backward()`.
    """
    left = place.port.gradients_left(place.state.iteration)
    if not left or place.theirs.gradients is None:
        return None
    return {name: g + left[name] for name, g in place.theirs.gradients.items() if name in left}


@known(
    "gradient of a branch cut off",
    rung="gradients",
    area="loop",
    source="torch/_tensor.py (detach); keras/src/backend/tensorflow/core.py (stop_gradient)",
)
def branch_cut_off(place: GradientsPlace) -> Any:
    """The port cuts the gradient of one branch off, and layers before it learn from others alone.

    Keras' gradient goes through all branches. Take `detach()` or `torch.no_grad()` out of the way
    of this branch, or write `keras.ops.stop_gradient` in the model.
    """
    theirs, nearest, least = place.theirs.gradients or {}, None, np.inf
    for cut in range(MOST_CUTS):
        with _cut(cut) as was_reached:
            found = gradients_again(place)
        if not was_reached():
            break
        apart = _distance(found, place.ours)
        if apart < least and _distance(found, theirs) > 0:
            nearest, least = found, apart
    return nearest


@known(
    "gradient through what Keras stops",
    rung="gradients",
    area="loop",
    source="keras/src/backend/tensorflow/core.py (stop_gradient); torch/_tensor.py (detach)",
)
def not_stopped(place: GradientsPlace) -> Any:
    """The port's gradient goes through a target that the Keras model stops it at.

    So the layers learn to move the target, too. Write `target.detach()` where the model has
    `keras.ops.stop_gradient`.
    """
    with patch.object(backend.core, "stop_gradient", lambda variable: variable):
        return gradients_again(place)


@contextmanager
def _cut(number: int) -> Iterator[Callable[[], bool]]:
    """Stop the gradient at one of the tensors that go into layers, counted in their order.

    Yields a function that tells whether there were as many.
    """
    original = keras.layers.Layer.__call__
    count = 0

    def stopped(value: Any) -> Any:
        nonlocal count
        if not tf.is_tensor(value) or not value.dtype.is_floating:
            return value
        count += 1
        return tf.stop_gradient(value) if count == number + 1 else value

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(layer, keras.Model):
            args, kwargs = keras.tree.map_structure(stopped, (args, kwargs))
        return original(layer, *args, **kwargs)

    with patch.object(keras.layers.Layer, "__call__", call):
        yield lambda: count > number


def _distance(ours: Gradients, theirs: Any) -> float:
    """Return the largest difference of two sets of gradients."""
    return max(
        (float(np.abs(g - theirs[n]).max(initial=0.0)) for n, g in ours.items() if n in theirs),
        default=np.inf,
    )
