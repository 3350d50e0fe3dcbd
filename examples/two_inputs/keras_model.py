"""The Keras model: a price out of numbers and a category, with a penalty and a decaying rate."""

import keras
import numpy as np
from numpy.typing import NDArray

L = keras.layers
Inputs = dict[str, NDArray[np.float64] | NDArray[np.int64]]


def keras_model() -> keras.Model:
    """Return the compiled model, from 8 numbers and one of 12 categories to a price (batch, 1)."""
    keras.utils.set_random_seed(0)
    numbers = keras.Input((8,), name="numbers")
    category = keras.Input((1,), dtype="int32", name="category")

    known = L.Flatten()(L.Embedding(12, 4)(category))
    x = L.Concatenate()([numbers, known])
    x = L.Dense(32, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3))(x)
    model = keras.Model({"numbers": numbers, "category": category}, L.Dense(1)(x))

    rate = keras.optimizers.schedules.CosineDecay(1e-2, decay_steps=15, alpha=0.1)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), keras.losses.Huber(delta=0.5))
    return model


def batches() -> list[tuple[Inputs, NDArray[np.float64]]]:
    """Return 20 batches of 32 samples; the price is a sum over both inputs, and some noise."""
    source = np.random.default_rng(0)
    weights, prices = source.normal(size=(8, 1)), source.normal(size=(12, 1))
    found = []
    for _ in range(20):
        numbers, category = source.normal(size=(32, 8)), source.integers(0, 12, (32, 1))
        targets = numbers @ weights + prices[category[:, 0]] + 0.1 * source.normal(size=(32, 1))
        inputs: Inputs = {"numbers": numbers, "category": category}
        found.append((inputs, targets))
    return found
