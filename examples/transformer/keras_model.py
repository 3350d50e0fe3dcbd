"""The Keras model: a transformer encoder of one block over tokens and their positions."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

L = keras.layers


class TokenAndPosition(keras.layers.Layer):
    """The sum of a trained vector for each token, and one for each of 12 positions."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = L.Embedding(30, 16)
        self.positions = L.Embedding(12, 16)

    def call(self, tokens: Any) -> Any:
        """Return the sums (batch, 12, 16) of tokens (batch, 12)."""
        return self.tokens(tokens) + self.positions(keras.ops.arange(12))


def keras_model() -> keras.Model:
    """Return the compiled model, from 12 tokens (batch, 12) to 4 classes."""
    keras.utils.set_random_seed(0)
    tokens = keras.Input((12,), dtype="int32")
    x = TokenAndPosition()(tokens)

    attended = L.MultiHeadAttention(num_heads=4, key_dim=4)(x, x)
    x = L.LayerNormalization()(x + attended)
    hidden = L.Dense(32, activation="gelu")(x)
    x = L.LayerNormalization()(x + L.Dropout(0.1)(L.Dense(16)(hidden)))

    outputs = L.Dense(4, activation="softmax")(L.GlobalAveragePooling1D()(x))
    model = keras.Model(tokens, outputs)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps=30, warmup_target=1e-3, warmup_steps=5
    )
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model


def batches() -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return 20 batches of 32 texts; the class is the remainder of the sum of two tokens."""
    source = np.random.default_rng(0)
    tokens = source.integers(0, 30, size=(20, 32, 12))
    return list(zip(tokens, (tokens[..., 0] + tokens[..., 1]) % 4, strict=True))
