"""The reference: `keras_ref`'s model, its compiled loss and its optimizer, one step at a time."""

from collections.abc import Sequence
from typing import Any

import keras_ref  # before keras, since it chooses the backend

# isort: split
import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from cnn_experiment import Digits, Evaluation, Experiment
from cnn_experiment.variables import Variables
from keras_ref.batches import one_hot
from keras_ref.floatx import floatx
from parity_tests.implementation import Implementation, State, Step


class KerasReference(Implementation):
    """Computes what `fit` computes (a test compares them), and shows everything on the way."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__(experiment)
        self._model = keras_ref.build_model(experiment)
        outputs = [layer.output for layer in self._model.layers]
        with floatx(experiment.dtype):
            layers = keras.Model(self._model.inputs, outputs)
        self._names = list(keras_ref.neutral_weights(self._model))
        self._compiled_layers = tf.function(layers, reduce_retracing=True)
        self._compiled_step = tf.function(self._graph_step, reduce_retracing=True)

    def batches(self, epoch: int) -> list[NDArray[np.int64]]:
        """Deal the images' own numbers through the dataset that `fit` gets."""
        numbers = np.arange(self.experiment.data.train_images)
        digits = Digits(numbers, np.zeros_like(numbers), numbers[:0], numbers[:0])
        dataset = keras_ref.SeededBatches(self.experiment, digits)
        dataset.begin_epoch(epoch)
        return [dataset[index][0] for index in range(len(dataset))]

    def initial_state(self) -> State:
        """Return the state that a freshly built model has."""
        keras_ref.reset(self._model, self.experiment)
        return self._state()

    def step(self, state: State, images_nhwc: NDArray[Any], labels: NDArray[np.int64]) -> Step:
        """Put the model and its optimizer into `state`, and make one update."""
        self._load(state)
        with floatx(self.experiment.dtype):
            probabilities, data_loss, penalty, gradients, rate = self._compiled_step(
                tf.constant(images_nhwc), tf.constant(one_hot(labels, self.experiment))
            )
        return Step(
            data_loss=float(data_loss),
            penalty=float(penalty),
            gradients=dict(zip(self._names, (g.numpy() for g in gradients), strict=True)),
            learning_rate=float(rate),
            state=self._state(),
            hits=int((probabilities.numpy().argmax(axis=1) == labels).sum()),
            size=len(labels),
        )

    def layer_outputs(self, state: State, images_nhwc: NDArray[Any]) -> Variables:
        """Return each layer's output by name, with the weights of `state`."""
        self._load(state)
        with floatx(self.experiment.dtype):
            outputs = self._compiled_layers(tf.constant(images_nhwc), training=True)
        names = (layer.name for layer in self._model.layers)
        return {name: output.numpy() for name, output in zip(names, outputs, strict=True)}

    def _graph_step(self, images_nhwc: tf.Tensor, labels: tf.Tensor) -> tuple[Any, ...]:
        with tf.GradientTape() as tape:
            probabilities = self._model(images_nhwc, training=True)
            loss = self._model.compute_loss(images_nhwc, labels, probabilities)
        data_loss = self._model.loss(labels, probabilities)
        penalty = tf.add_n(self._model.losses) if self._model.losses else tf.zeros((), loss.dtype)
        variables = self._model.trainable_variables
        rate = self._model.optimizer.learning_rate * 1
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self._model.optimizer.apply(gradients, variables)
        return probabilities, data_loss, penalty, gradients, rate

    def report(self, steps: Sequence[Step]) -> Evaluation:
        """Average as `fit` does, with the metric class that it uses for its losses."""
        with floatx(self.experiment.dtype):
            loss, accuracy = keras.metrics.Mean(), keras.metrics.Mean()
            for step in steps:
                means = (step.data_loss + step.penalty, step.hits / step.size)
                for metric, mean in zip((loss, accuracy), means, strict=True):
                    metric.update_state(tf.constant(mean, metric.dtype), sample_weight=step.size)
        return Evaluation(float(loss.result()), float(accuracy.result()))

    def _load(self, state: State) -> None:
        keras_ref.load_neutral_weights(self._model, state.weights)
        keras_ref.load_neutral_optimizer_state(self._model, state.optimizer, state.iteration)

    def _state(self) -> State:
        return State(
            keras_ref.neutral_weights(self._model),
            keras_ref.neutral_optimizer_state(self._model),
            int(self._model.optimizer.iterations),
        )
