"""The Keras model: strided convolutions with BatchNorm, and a classifier with Dropout."""

import keras
import numpy as np
from numpy.typing import NDArray

L = keras.layers


def keras_model() -> keras.Model:
    """Return the compiled model, from images (batch, 16, 16, 3) to 10 classes."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            L.Conv2D(8, 3, strides=2, padding="same", use_bias=False),
            L.BatchNormalization(),
            L.ReLU(),
            L.Conv2D(16, 3, strides=2, padding="same", use_bias=False),
            L.BatchNormalization(),
            L.ReLU(),
            L.Flatten(),
            L.Dense(32, activation="relu"),
            L.Dropout(0.5),
            L.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    return model


def batches() -> list[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Return 20 batches of 32 images, each a noisy copy of its class's image."""
    source = np.random.default_rng(0)
    prototypes = source.normal(size=(10, 16, 16, 3))
    labels = source.integers(0, 10, size=(20, 32))
    images = prototypes[labels] + source.normal(size=(20, 32, 16, 16, 3))
    return list(zip(images, labels, strict=True))
