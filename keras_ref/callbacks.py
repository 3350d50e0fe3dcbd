"""The callbacks with which `fit` reports its learning rate and progress."""

import math
import time
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from cnn_experiment import (
    Checkpoint,
    Diverged,
    EpochRecord,
    Experiment,
    Keeper,
    Tally,
    Watcher,
)
from keras_ref.weights import neutral_optimizer_state, neutral_weights

Logs = dict[str, Any] | None


class LearningRateHistory(keras.callbacks.Callback):
    """Records the number of updates and the learning rate at the end of each epoch.

    Source: article III, cell 6, `LrHistory`.
    """

    def __init__(self) -> None:
        super().__init__()
        # Compiled, as in `fit`: a schedule is rounded differently in code that is not compiled.
        self._compiled_rate = tf.function(lambda: self.model.optimizer.learning_rate * 1)

    def on_train_begin(self, logs: Logs = None) -> None:  # noqa: ARG002
        """Start with empty lists."""
        self.iterations: list[int] = []
        self.rates: list[float] = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:  # noqa: ARG002
        """Read both values from the optimizer; for a schedule, its current rate."""
        self.iterations.append(int(self.model.optimizer.iterations))
        self.rates.append(float(self._compiled_rate()))


class Progress(keras.callbacks.Callback):
    """Turns Keras' logs into `EpochRecord`s, informs the watchers and passes states to the keeper.

    In the list of callbacks it must come after the `LearningRateHistory`, which it reads.
    """

    def __init__(
        self,
        experiment: Experiment,
        rates: LearningRateHistory,
        watchers: Sequence[Watcher],
        keeper: Keeper | None,
        start: Checkpoint | None,
    ) -> None:
        super().__init__()
        self.records: list[EpochRecord] = [] if start is None else list(start.history)
        self._experiment = experiment
        self._rates = rates
        self._watchers = watchers
        self._keeper = keeper
        self._start = start
        self._first, self._earlier = 0, 0.0
        self._begin = 0.0
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:  # noqa: ARG002
        """Record the time; in an epoch that `start` has partly done, continue with its sums."""
        self._begin = time.perf_counter()
        self._epoch, self._first, self._earlier = epoch, 0, 0.0
        if self._start is not None and self._start.epoch == epoch:
            tally = self._start.tally
            self._first, self._earlier = self._start.batch, tally.seconds
            totals = (tally.loss, tally.hits)
            for metric, total in zip(_means(self.model), totals, strict=True):
                metric.total.assign(total)
                metric.count.assign(tally.images)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Pass the epoch's averages to the watchers and, if it is due, the state to the keeper."""
        averages = {name: float(value) for name, value in (logs or {}).items()}
        done = self._first + batch + 1
        if not math.isfinite(averages["loss"]):
            what = f"the epoch's loss is {averages['loss']}"
            raise Diverged(what, self._experiment, self._epoch, done)

        for watcher in self._watchers:
            watcher.batches_done(done, averages["loss"], averages["accuracy"])
        iteration = self._epoch * self._experiment.steps_per_epoch + done
        if (
            self._keeper is not None
            and done < self._experiment.steps_per_epoch
            and self._keeper.is_due(iteration)
        ):
            self._keeper.keep(self._state(self._epoch, done, self._tally()))

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Add the epoch's record, inform the watchers and pass the state to the keeper."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        if not math.isfinite(values["val_loss"]):
            what = f"the validation loss is {values['val_loss']}"
            raise Diverged(what, self._experiment, epoch, self._experiment.steps_per_epoch)

        record = EpochRecord(
            epoch=epoch + 1,
            step=self._rates.iterations[-1],
            learning_rate=self._rates.rates[-1],
            loss=values["loss"],
            accuracy=values["accuracy"],
            val_loss=values["val_loss"],
            val_accuracy=values["val_accuracy"],
            seconds=self._earlier + time.perf_counter() - self._begin,
        )
        self.records.append(record)
        for watcher in self._watchers:
            watcher.epoch_done(record)
        if self._keeper is not None:
            self._keeper.keep(self._state(epoch + 1, 0, Tally()))

    def _tally(self) -> Tally:
        """Return the sums that Keras' two metrics hold."""
        loss, accuracy = _means(self.model)
        return Tally(
            images=int(loss.count),
            loss=float(loss.total),
            hits=int(accuracy.total),
            seconds=self._earlier + time.perf_counter() - self._begin,
        )

    def _state(self, epoch: int, batch: int, tally: Tally) -> Checkpoint:
        return Checkpoint(
            self._experiment,
            neutral_weights(self.model),
            neutral_optimizer_state(self.model),
            epoch,
            batch,
            tally,
            tuple(self.records),
            "keras",
        )


def _means(model: keras.Model) -> tuple[keras.metrics.Mean, keras.metrics.Mean]:
    """Return the running means of loss and accuracy that `fit` keeps over an epoch's images."""
    # Keras creates them when they are first used: use them once, then clear them.
    if len(model.metrics) < 2 or not model.metrics[1].metrics:
        nothing = keras.ops.zeros((1, *model.output_shape[1:]))
        model.compute_metrics(None, nothing, nothing)
        model.reset_metrics()
    (loss,) = (metric for metric in model.metrics if metric.name == "loss")
    (compiled,) = (m for m in model.metrics if m.name == "compile_metrics")
    (accuracy,) = compiled.metrics
    return loss, accuracy
