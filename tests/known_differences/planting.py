"""A known difference planted in a sound port: the port with the mistake and the one without."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from parity_ladder import KerasSide, Result, TorchSide, climb

Batch = tuple[Any, ...]
STEPS = 3


@dataclass(frozen=True)
class Planted:
    """One entry of the catalogue, with a Keras model and two ports of it."""

    entry: str
    """The entry's name."""
    model: Callable[[], keras.Model]
    """Returns a small compiled Keras model."""
    port: Callable[[keras.Model, bool], TorchSide]
    """Returns the port of the model; with True, the one with the mistake."""
    batches: Callable[[], Sequence[Batch]]
    """Returns a few small batches."""


def climbed(planted: Planted, *, faulty: bool, seed: int = 0) -> Result:
    """Climb with the sound port or the faulty one, a few steps in float64.

    Keras runs eagerly: for a few steps of a small model that is faster than compiling it.
    """
    keras.utils.set_random_seed(seed)
    eager_before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        model = planted.model()
        port = planted.port(model, faulty)
        batches = planted.batches()[:STEPS]
        return climb(port, KerasSide(model), batches, show_progress=False)
    finally:
        tf.config.run_functions_eagerly(eager_before)


def images(count: int = STEPS, size: int = 8, channels: int = 3, classes: int = 4) -> list[Batch]:
    """Return batches of 5 random images (batch, size, size, channels) and their classes."""
    source = np.random.default_rng(1)
    return [
        (source.normal(size=(5, size, size, channels)), source.integers(0, classes, 5))
        for _ in range(count)
    ]
