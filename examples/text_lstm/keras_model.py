"""The Keras model: an LSTM that reads a text and says whether it is of one kind or the other."""

import keras
import numpy as np
from numpy.typing import NDArray

L = keras.layers


def keras_model() -> keras.Model:
    """Return the compiled model, from 20 tokens (batch, 20) to a probability (batch, 1)."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((20,), dtype="int32"),
            L.Embedding(50, 16),
            L.LSTM(16),
            L.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.AdamW(1e-2, clipnorm=0.1), "binary_crossentropy")
    return model


def batches() -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Return 20 batches of 32 texts; those of the first kind have more of the early tokens."""
    source = np.random.default_rng(0)
    kinds = source.integers(0, 2, size=(20, 32, 1))
    texts = source.integers(0, 40, size=(20, 32, 20)) + 10 * (1 - kinds)
    return list(zip(texts, kinds.astype(float), strict=True))
