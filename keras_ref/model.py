"""The articles' `Sequential` model, built from the experiment and compiled.

Optimizers, schedules and regularizers have the same class names in `cnn_experiment` as in Keras;
this module finds the Keras class by that name.
"""

import keras
from keras import layers, losses, metrics, optimizers, regularizers

from cnn_experiment import (
    ConstantRate,
    Experiment,
    Layer,
    Output,
    RMSprop,
    UserError,
    initial_weights,
)
from cnn_experiment.settings.schedules import Schedule
from keras_ref.floatx import floatx
from keras_ref.rmsprop import RMSpropOfKeras2
from keras_ref.weights import load_neutral_optimizer_state, load_neutral_weights


def build_model(experiment: Experiment) -> keras.Sequential:
    """Return the experiment's network, compiled, with the initial weights of its seed.

    If you call `fit`, `evaluate` or `predict` of a float64 model yourself, do it inside
    `keras_ref.floatx("float64")`: Keras converts arrays to its global floatx, float32 by default.
    Raises `UserError` for a precision that only the torch backend has.
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
    """Reset `model` in place: initial weights, initial optimizer state, iteration 0.

    The articles reload saved initial weights instead. That keeps the iteration count, and so the
    decayed learning rate (article III, addendum).
    """
    load_neutral_weights(
        model, initial_weights(experiment.network, experiment.seed, experiment.dtype)
    )
    load_neutral_optimizer_state(model, experiment.initial_optimizer_state(), iteration=0)
    for variable in model.optimizer.variables:
        if variable.name == "learning_rate":  # only for a constant rate: a schedule has no variable
            variable.assign(experiment.schedule.initial_learning_rate)


def outputs_model(model: keras.Model) -> keras.Model:
    """Return a model with the same weights whose output is a list of all layers' outputs.

    They are in the order of `model.layers`, each after its activation.
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
    is_regularized = f"{layer.name}/kernel" in experiment.regularized_kernels()
    regularizer = experiment.regularizer
    if regularizer is None or not is_regularized:
        return None
    return getattr(regularizers, type(regularizer).__name__)(regularizer.strength)


def _loss(output: Output) -> losses.Loss:
    if output.crossentropy_of == "logits":
        return losses.CategoricalCrossentropy()
    return OfProbabilities()


class OfProbabilities(losses.CategoricalCrossentropy):
    """Cross-entropy of the output itself; the stock loss replaces it by the logits if it can."""

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Return the loss of each image."""
        # `* 1` makes a copy of the output, from which Keras cannot find the logits.
        return super().call(y_true, y_pred * 1)


def _optimizer(experiment: Experiment) -> optimizers.Optimizer:
    settings = experiment.optimizer
    keras_class = getattr(optimizers, type(settings).__name__)
    if isinstance(settings, RMSprop) and settings.epsilon_outside:
        keras_class = RMSpropOfKeras2
    rate = learning_rate(experiment.schedule)
    arguments = settings.model_dump(exclude={"kind", "epsilon_outside"})
    return keras_class(learning_rate=rate, **arguments)


def learning_rate(schedule: Schedule) -> float | optimizers.schedules.LearningRateSchedule:
    """Return the `learning_rate` argument of a Keras optimizer: a number or a Keras schedule."""
    if isinstance(schedule, ConstantRate):
        return schedule.initial_learning_rate
    keras_class = getattr(optimizers.schedules, type(schedule).__name__)
    return keras_class(**schedule.model_dump(exclude={"kind"}))
