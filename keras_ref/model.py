"""The articles' `Sequential` model, built from the experiment and compiled.

Optimizers, schedules and regularizers bear Keras' own names in `cnn_experiment`, and are found here
by these.
"""

import keras
from keras import layers, losses, metrics, optimizers, regularizers

from cnn_experiment import (
    ConstantRate,
    Experiment,
    Layer,
    Output,
    UserError,
    initial_weights,
)
from cnn_experiment.settings.schedules import Schedule
from keras_ref.floatx import floatx
from keras_ref.weights import load_neutral_optimizer_state, load_neutral_weights


def build_model(experiment: Experiment) -> keras.Sequential:
    """Return the experiment's network, compiled, with the initial weights of its seed.

    To call `fit`, `evaluate` or `predict` of a float64 model yourself, do it inside
    `keras_ref.floatx("float64")`: Keras reads arrays in its global floatx, float32 by default.
    """
    if experiment.precision != "full":
        raise UserError(
            f"precision = {experiment.precision!r}: accepted by the Keras backend: full"
        )
    with floatx(experiment.dtype):
        model = keras.Sequential([keras.Input(experiment.network.input_shape)])
        for layer in experiment.network.layers():
            model.add(_keras_layer(layer, experiment))
        model.compile(
            optimizer=_optimizer(experiment),
            loss=_loss(experiment.network.output),
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
    load_neutral_optimizer_state(model, experiment.initial_optimizer_state(), iteration=0)
    for variable in model.optimizer.variables:
        if variable.name == "learning_rate":  # a constant one; a schedule has no variable
            variable.assign(experiment.schedule.initial_learning_rate)


def outputs_model(model: keras.Model) -> keras.Model:
    """Return a model on the same weights that gives the output of every layer of `model`, a list.

    In the order of `model.layers`, each after its activation.
    """
    with floatx(model.compute_dtype):
        return keras.Model(model.inputs, [layer.output for layer in model.layers])


def _keras_layer(layer: Layer, experiment: Experiment) -> layers.Layer:
    match layer.kind:
        case "Conv2D":
            return layers.Conv2D(
                layer.kernel_shape[-1],
                layer.kernel_shape[:2],
                activation=layer.activation,
                kernel_regularizer=_regularizer(layer, experiment),
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
                kernel_regularizer=_regularizer(layer, experiment),
                name=layer.name,
            )


def _regularizer(layer: Layer, experiment: Experiment) -> regularizers.Regularizer | None:
    laid_on = f"{layer.name}/kernel" in experiment.regularized_kernels()
    regularizer = experiment.regularizer
    if regularizer is None or not laid_on:
        return None
    return getattr(regularizers, type(regularizer).__name__)(regularizer.strength)


def _loss(output: Output) -> losses.Loss:
    if output.crossentropy_of == "logits":
        return losses.CategoricalCrossentropy()
    return OfProbabilities()


class OfProbabilities(losses.CategoricalCrossentropy):
    """The loss of the output itself: a copy of it has no logits behind it that Keras could find."""

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Return the loss of each image."""
        return super().call(y_true, y_pred * 1)


def _optimizer(experiment: Experiment) -> optimizers.Optimizer:
    settings = experiment.optimizer
    keras_class = getattr(optimizers, type(settings).__name__)
    rate = learning_rate(experiment.schedule)
    return keras_class(learning_rate=rate, **settings.model_dump(exclude={"kind"}))


def learning_rate(schedule: Schedule) -> float | optimizers.schedules.LearningRateSchedule:
    """Return what a Keras optimizer takes as its learning rate."""
    if isinstance(schedule, ConstantRate):
        return schedule.initial_learning_rate
    keras_class = getattr(optimizers.schedules, type(schedule).__name__)
    return keras_class(**schedule.model_dump(exclude={"kind"}))
