"""The reference: `keras_ref`'s model, its compiled loss and its optimizer, one step at a time."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import keras_ref  # before keras, since it chooses the backend

# isort: split
import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from cnn_experiment import Digits, Experiment, load_mnist
from keras_ref.batches import one_hot
from keras_ref.floatx import floatx
from parity_ladder import Arrays, Shapes, Side, State, Step
from parity_tests.digit_batches import DigitBatch, DigitBatches, with_the_same_digits

_load_mnist = lru_cache(maxsize=2)(
    load_mnist
)  # a cache apart from the port's: shared arrays prove nothing


class KerasReference(Side[DigitBatch]):
    """Computes what `fit` computes, which a test checks, and shows every intermediate result."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self._model = keras_ref.build_model(experiment)
        self._names = list(keras_ref.neutral_weights(self._model))
        with floatx(experiment.dtype):
            layers = keras_ref.outputs_model(self._model)
        # As in `fit`, the graphs are made once for batches of any size.
        images = tf.TensorSpec((None, *experiment.network.input_shape), experiment.dtype)
        labels = tf.TensorSpec((None, experiment.network.output.units), experiment.dtype)
        self._compiled_layers = tf.function(
            lambda images_nhwc: layers(images_nhwc, training=True),
            input_signature=(images,),
            autograph=False,
        )
        self._compiled_step = tf.function(
            self._graph_step, input_signature=(images, labels), autograph=False
        )

    def digits(self) -> Digits:
        """Return the images and labels that `fit` trains on."""
        return _load_mnist(with_the_same_digits(self.experiment))

    def data(self) -> Arrays:
        """Return the images and labels by name."""
        return dict(vars(self.digits()))

    def batches(self) -> list[list[NDArray[np.int64]]]:
        """Return the indices of the images in the batches that `fit` takes, epoch by epoch."""
        return [self.epoch_batches(epoch) for epoch in range(self.experiment.epochs)]

    def epoch_batches(self, epoch: int) -> list[NDArray[np.int64]]:
        """Return the same for one epoch: the dataset of `fit` deals the numbers of the images."""
        numbers = np.arange(self.experiment.data.train_images)
        digits = Digits(numbers, np.zeros_like(numbers), numbers[:0], numbers[:0])
        dataset = keras_ref.SeededBatches(self.experiment, digits)
        dataset.begin_epoch(epoch)
        return [dataset[place][0] for place in range(len(dataset))]

    def first_epoch(self) -> DigitBatches:
        """Return the batches that a climb compares."""
        return DigitBatches(self.digits(), self.epoch_batches(0))

    def next_epoch(self) -> DigitBatches:
        """Return the first batch of the second epoch, if there is one.

        It shows a schedule that wrongly starts again with each epoch.
        """
        batches = self.epoch_batches(1)[:1] if self.experiment.epochs > 1 else []
        return DigitBatches(self.digits(), batches)

    def variable_shapes(self) -> Shapes:
        """Return the shapes of the model's variables."""
        weights = keras_ref.neutral_weights(self._model)
        return {name: array.shape for name, array in weights.items()}

    def initial_state(self) -> State:
        """Return the state of a newly built model."""
        keras_ref.reset(self._model, self.experiment)
        return self._state()

    def step(self, state: State, batch: DigitBatch) -> Step:
        """Load `state` into the model and its optimizer, and make one update."""
        self._load(state)
        with floatx(self.experiment.dtype):
            probabilities, data_loss, penalty, gradients, rate = self._compiled_step(
                tf.constant(batch.images_nhwc),
                tf.constant(one_hot(batch.labels, self.experiment)),
            )
        return Step(
            state=self._state(),
            data_loss=float(data_loss),
            penalty=float(penalty),
            gradients=dict(zip(self._names, (g.numpy() for g in gradients), strict=True)),
            learning_rate=float(rate),
            hits=int((probabilities.numpy().argmax(axis=1) == batch.labels).sum()),
            size=len(batch.labels),
        )

    def layer_outputs(self, state: State, batch: DigitBatch) -> Arrays:
        """Return each layer's output by name, with the weights of `state`."""
        keras_ref.load_neutral_weights(self._model, state.weights)
        with floatx(self.experiment.dtype):
            outputs = self._compiled_layers(tf.constant(batch.images_nhwc))
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

    def epoch_metrics(self, steps: Sequence[Step]) -> Mapping[str, float]:
        """Average as `fit` does, with the metric class that it uses for its losses."""
        with floatx(self.experiment.dtype):
            loss, accuracy = keras.metrics.Mean(), keras.metrics.Mean()
            for step in steps:
                size = step.size or 0
                means = ((step.data_loss or 0) + (step.penalty or 0), (step.hits or 0) / size)
                for metric, mean in zip((loss, accuracy), means, strict=True):
                    metric.update_state(tf.constant(mean, metric.dtype), sample_weight=size)
        return {"loss": float(loss.result()), "accuracy": float(accuracy.result())}

    def _load(self, state: State) -> None:
        keras_ref.load_neutral_weights(self._model, state.weights)
        keras_ref.load_neutral_optimizer_state(self._model, state.optimizer, state.iteration)

    def _state(self) -> State:
        return State(
            keras_ref.neutral_weights(self._model),
            keras_ref.neutral_optimizer_state(self._model),
            int(self._model.optimizer.iterations),
        )
