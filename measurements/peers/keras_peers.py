"""Peers in Keras: its `fit` on TensorFlow, as `keras_ref` sets it up, and on other backends.

Each turn calls `fit` once. Its start takes as long as several steps, so turns must be long.
"""

import itertools
import os
from typing import Any

import numpy as np

from cnn_experiment import Experiment, InverseTimeDecay, Layer, load_mnist
from measurements.peers.turns import Contestant, batches


def keras_on_tensorflow(experiment: Experiment) -> Contestant:
    """Return the peer with the model of `keras_ref`."""
    import keras_ref

    return _fit(keras_ref.build_model(experiment), experiment)


def keras_on_jax(experiment: Experiment) -> Contestant:
    """Return the peer with the same model on JAX."""
    return _on("jax", experiment)


def keras_on_torch(experiment: Experiment) -> Contestant:
    """Return the peer with the same model on PyTorch."""
    return _on("torch", experiment)


def _on(backend: str, experiment: Experiment) -> Contestant:
    os.environ["KERAS_BACKEND"] = backend
    import keras

    regularizer = experiment.regularizer

    def l2(layer: Layer) -> Any:
        if regularizer is None or f"{layer.name}/kernel" not in experiment.regularized_kernels():
            return None
        return keras.regularizers.L2(regularizer.strength)

    def keras_layer(layer: Layer) -> Any:
        settings = {"activation": layer.activation, "kernel_regularizer": l2(layer)}
        match layer.kind:
            case "Conv2D":
                *window, _, filters = layer.kernel_shape
                return keras.layers.Conv2D(filters, window, **settings)
            case "MaxPooling2D":
                return keras.layers.MaxPooling2D(layer.pool_size)
            case "Flatten":
                return keras.layers.Flatten()
            case "Dense":
                return keras.layers.Dense(layer.kernel_shape[-1], **settings)

    model = keras.Sequential([keras.Input(experiment.network.input_shape)])
    for layer in experiment.network.layers():
        model.add(keras_layer(layer))
    rate: Any = experiment.schedule.initial_learning_rate
    if isinstance(experiment.schedule, InverseTimeDecay):
        rate = keras.optimizers.schedules.InverseTimeDecay(
            **experiment.schedule.model_dump(exclude={"kind"})
        )
    settings = experiment.optimizer.model_dump(exclude={"kind", "epsilon_outside"})
    optimizer = keras.optimizers.RMSprop(rate, **settings)
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    return _fit(model, experiment)


def _fit(model: Any, experiment: Experiment) -> Contestant:
    digits = load_mnist(experiment)
    labels = np.eye(experiment.network.output.units, dtype=experiment.dtype)[digits.train_labels]
    order = batches(experiment)

    def train(steps: int) -> float:
        index = np.concatenate(list(itertools.islice(order, steps)))
        done = model.fit(
            digits.train_images_nhwc[index],
            labels[index],
            batch_size=experiment.batch_size,
            shuffle=False,
            verbose=0,
        )
        return float(done.history["loss"][-1])

    return train
