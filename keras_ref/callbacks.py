"""What `fit` calls while it trains."""

import time
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from cnn_experiment import EpochRecord, Watcher

Logs = dict[str, Any] | None


class LearningRateHistory(keras.callbacks.Callback):
    """Collects the iteration count and the learning rate at the end of each epoch.

    Source: article III, cell 6, `LrHistory`.
    """

    def on_train_begin(self, logs: Logs = None) -> None:  # noqa: ARG002
        """Begin with empty lists."""
        self.iterations: list[int] = []
        self.rates: list[float] = []
        # Compiled as in `fit`, where a schedule rounds otherwise than on its own.
        self._compiled_rate = tf.function(lambda: self.model.optimizer.learning_rate * 1)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:  # noqa: ARG002
        """Read both off the optimizer; a schedule shows as its present value."""
        self.iterations.append(int(self.model.optimizer.iterations))
        self.rates.append(float(self._compiled_rate()))


class EpochRecords(keras.callbacks.Callback):
    """Turns Keras' logs into `EpochRecord`s and keeps the watchers informed.

    Stands behind the `LearningRateHistory` in `fit`'s list, since it reads from it.
    """

    def __init__(self, rates: LearningRateHistory, watchers: Sequence[Watcher]) -> None:
        super().__init__()
        self.records: list[EpochRecord] = []
        self._rates = rates
        self._watchers = watchers
        self._begin = 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:  # noqa: ARG002
        """Note the time."""
        self._begin = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Pass on the averages of the epoch so far."""
        averages = {name: float(value) for name, value in (logs or {}).items()}
        for watcher in self._watchers:
            watcher.batches_done(batch + 1, averages["loss"], averages["accuracy"])

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Add the epoch's record."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        record = EpochRecord(
            epoch=epoch + 1,
            step=self._rates.iterations[-1],
            learning_rate=self._rates.rates[-1],
            seconds=time.perf_counter() - self._begin,
            precision="full",
            **values,
        )
        self.records.append(record)
        for watcher in self._watchers:
            watcher.epoch_done(record)
