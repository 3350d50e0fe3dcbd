"""The Keras model: an autoencoder of strided convolutions and transposed ones."""

import keras
import numpy as np
from numpy.typing import NDArray

L = keras.layers


def keras_model() -> keras.Model:
    """Return the compiled model, from images (batch, 16, 16, 1) in [0, 1] to their likes."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            L.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
            L.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
            L.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu"),
            L.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.RMSprop(1e-3), "binary_crossentropy")
    return model


def batches() -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return 20 batches of 32 images of one bright rectangle each, which are their own targets."""
    source = np.random.default_rng(0)
    images = np.zeros((20, 32, 16, 16, 1))
    for image in images.reshape(-1, 16, 16, 1):
        top, left = source.integers(0, 10, 2)
        image[top : top + 6, left : left + 6] = source.uniform(0.5, 1)
    return [(each, each) for each in images]
