"""Keras' `fit`, on TensorFlow as `keras_ref` sets it up, and on its other backends."""

import itertools
import os
from typing import Any

import numpy as np

from cnn_experiment import Digits, Experiment, Layer
from peers.turns import Contestant, batches


def keras_on_tensorflow(experiment: Experiment, digits: Digits) -> Contestant:
    """The model of `keras_ref`."""
    import keras_ref

    return _fit(keras_ref.build_model(experiment), experiment, digits)


def keras_on_jax(experiment: Experiment, digits: Digits) -> Contestant:
    """The same model on JAX."""
    return _on("jax", experiment, digits)


def keras_on_torch(experiment: Experiment, digits: Digits) -> Contestant:
    """The same model on PyTorch."""
    return _on("torch", experiment, digits)


def _on(backend: str, experiment: Experiment, digits: Digits) -> Contestant:
    os.environ["KERAS_BACKEND"] = backend
    import keras

    strength = 0.0 if experiment.regularizer is None else experiment.regularizer.strength

    def keras_layer(layer: Layer) -> Any:
        match layer.kind:
            case "Conv2D":
                *window, _, filters = layer.kernel_shape
                return keras.layers.Conv2D(filters, window, activation=layer.activation)
            case "MaxPooling2D":
                return keras.layers.MaxPooling2D(layer.pool_size)
            case "Flatten":
                return keras.layers.Flatten()
            case "Dense":
                return keras.layers.Dense(
                    layer.kernel_shape[-1],
                    activation=layer.activation,
                    kernel_regularizer=keras.regularizers.L2(strength),
                )

    model = keras.Sequential([keras.Input(experiment.network.input_shape)])
    for layer in experiment.network.layers():
        model.add(keras_layer(layer))
    optimizer = keras.optimizers.RMSprop(
        keras.optimizers.schedules.InverseTimeDecay(1e-3, decay_steps=1000, decay_rate=1),
        momentum=getattr(experiment.optimizer, "momentum", 0.0),
    )
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    return _fit(model, experiment, digits)


def _fit(model: Any, experiment: Experiment, digits: Digits) -> Contestant:
    labels = np.eye(experiment.network.output.units, dtype=experiment.dtype)[digits.train_labels]
    order = batches(experiment, digits)

    def train(steps: int) -> None:
        index = np.concatenate(list(itertools.islice(order, steps)))
        model.fit(
            digits.train_images_nhwc[index],
            labels[index],
            batch_size=experiment.batch_size,
            shuffle=False,
            verbose=0,
        )

    return train
