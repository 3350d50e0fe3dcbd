"""The articles' `Sequential` model, built from the experiment and compiled."""

import keras
from keras import layers, losses, metrics, optimizers, regularizers

from cnn_experiment import ConstantRate, Experiment, Layer, initial_weights
from keras_ref.floatx import floatx
from keras_ref.weights import load_neutral_weights


def build_model(experiment: Experiment) -> keras.Sequential:
    """Return the experiment's network, compiled, with the initial weights of its seed.

    To call `fit`, `evaluate` or `predict` of a float64 model yourself, do it inside
    `keras_ref.floatx("float64")`: Keras reads arrays in its global floatx, float32 by default.
    """
    with floatx(experiment.dtype):
        model = keras.Sequential([keras.Input(experiment.network.input_shape)])
        for layer in experiment.network.layers():
            model.add(_keras_layer(layer, experiment))
        model.compile(
            optimizer=_optimizer(experiment),
            loss=losses.CategoricalCrossentropy(),
            metrics=[metrics.CategoricalAccuracy(name="accuracy")],
        )
        model.optimizer.build(model.trainable_variables)
    reset(model, experiment)
    return model


def reset(model: keras.Sequential, experiment: Experiment) -> None:
    """Start `model` again: initial weights, empty optimizer state, iteration 0.

    Loading the saved initial weights, as in the articles, leaves the iteration count where it was,
    and with it the decayed learning rate (article III, addendum); this does not.
    """
    load_neutral_weights(
        model, initial_weights(experiment.network, experiment.seed, experiment.dtype)
    )
    for variable in model.optimizer.variables:
        if variable.name == "learning_rate":  # a constant one; a schedule has no variable
            variable.assign(experiment.schedule.initial_learning_rate)
        else:
            variable.assign(keras.ops.zeros_like(variable))


def _keras_layer(layer: Layer, experiment: Experiment) -> layers.Layer:
    match layer.kind:
        case "Conv2D":
            return layers.Conv2D(
                layer.kernel_shape[-1],
                layer.kernel_shape[:2],
                activation=layer.activation,
                name=layer.name,
            )
        case "MaxPooling2D":
            return layers.MaxPooling2D(layer.pool_size, name=layer.name)
        case "Flatten":
            return layers.Flatten(name=layer.name)
        case "Dense":
            return layers.Dense(
                layer.kernel_shape[-1],
                activation=layer.activation,
                kernel_regularizer=_regularizer(experiment),
                name=layer.name,
            )


def _regularizer(experiment: Experiment) -> regularizers.Regularizer | None:
    if experiment.regularizer is None:
        return None
    return regularizers.L2(experiment.regularizer.strength)


def _optimizer(experiment: Experiment) -> optimizers.Optimizer:
    schedule = experiment.schedule
    if isinstance(schedule, ConstantRate):
        rate = schedule.initial_learning_rate
    else:
        rate = optimizers.schedules.InverseTimeDecay(
            schedule.initial_learning_rate, schedule.decay_steps, schedule.decay_rate
        )
    settings = experiment.optimizer
    return optimizers.RMSprop(
        learning_rate=rate,
        rho=settings.rho,
        momentum=settings.momentum,
        epsilon=settings.epsilon,
    )
