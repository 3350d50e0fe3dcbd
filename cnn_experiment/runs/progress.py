"""The display of a run's progress: a bar on a terminal, and a line after each epoch."""

from typing import NoReturn, Protocol

from tqdm import tqdm

from cnn_experiment.runs.checkpoint import Checkpoint
from cnn_experiment.runs.history import EpochRecord
from cnn_experiment.settings.experiment import Experiment


class Watcher(Protocol):
    """Gets the progress of a training run. It is an argument of `train` in both backends."""

    def batches_done(self, count: int, loss: float, accuracy: float) -> None:
        """Get averages over the first `count` batches of an epoch; not called after each one."""

    def epoch_done(self, record: EpochRecord) -> None:
        """The epoch and its evaluation on the test images are done."""


class ProgressBar:
    """A `Watcher` that shows a bar during each epoch and prints a line after it.

    The bar shows loss, accuracy, learning rate, images per second and the remaining time. It
    appears on a terminal only. `start` is the checkpoint of a resumed run.
    """

    def __init__(self, experiment: Experiment, start: Checkpoint | None = None) -> None:
        self._experiment = experiment
        self._epoch = 1 if start is None else start.epoch + 1
        self._bar = self._new_bar(0 if start is None else start.batch)

    def _new_bar(self, batches: int = 0) -> "tqdm[NoReturn]":
        return tqdm(
            total=self._experiment.data.train_images,
            initial=self._images(batches),
            desc=f"epoch {self._epoch}/{self._experiment.epochs}",
            unit=" images",
            leave=False,
            disable=None,  # tqdm: on a terminal only
        )

    def _images(self, batches: int) -> int:
        return min(batches * self._experiment.batch_size, self._experiment.data.train_images)

    def batches_done(self, count: int, loss: float, accuracy: float) -> None:
        """Move the bar."""
        if self._bar.disable:
            return
        step = (self._epoch - 1) * self._experiment.steps_per_epoch + count
        rate = float(self._experiment.schedule.rates(step, self._experiment.dtype))
        shown = {"loss": f"{loss:.4f}", "accuracy": f"{accuracy:.4f}", "rate": f"{rate:.2e}"}
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update(self._images(count) - self._bar.n)

    def epoch_done(self, record: EpochRecord) -> None:
        """Close the bar, print the record and start the bar of the next epoch."""
        self._bar.close()
        tqdm.write(str(record))
        self._epoch = record.epoch + 1
        if self._epoch <= self._experiment.epochs:
            self._bar = self._new_bar()
