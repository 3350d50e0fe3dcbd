"""When the state of a run is saved, and how a signal stops a run."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Protocol, Self

from cnn_experiment.errors import UserError
from cnn_experiment.runs.checkpoint import Checkpoint
from cnn_experiment.runs.run_folder import RunFolder
from cnn_experiment.settings.experiment import Experiment


class Keeper(Protocol):
    """Saves the state of a training run. It is an argument of `train` in both backends."""

    def is_due(self, iteration: int) -> bool:
        """Whether to save now, within an epoch, after `iteration` updates; `keep` follows if so."""

    def keep(self, checkpoint: Checkpoint) -> None:
        """Save the state; also called after every epoch."""


class Diverged(UserError):  # noqa: N818 - named for what happened, as Stopped
    """A loss or weight became infinite or NaN, so that the training cannot continue."""

    def __init__(self, what: str, experiment: Experiment, epoch: int, batch: int) -> None:
        step = epoch * experiment.steps_per_epoch + batch
        super().__init__(
            f"{what} at step {step} (epoch {epoch + 1}, batch {batch}); accepted: finite numbers,"
            " which a smaller learning rate may give"
        )


class RankLost(UserError):  # noqa: N818 - named for what happened, as Stopped
    """Another process that took part in the training has ended, so that it cannot continue."""


class Stopped(Exception):  # noqa: N818 - no error
    """A signal of this `number` stopped the run, whose state has been saved."""

    def __init__(self, number: int, checkpoint: Checkpoint) -> None:
        super().__init__(f"{signal.Signals(number).name}: stopped after {checkpoint}")
        self.number = number


class SignalKeeper:
    """Stops the training at a signal, and saves nothing: another process of the run does.

    As a context manager it handles SIGINT and SIGTERM: the training finishes its step, and
    `Stopped` is raised. A second signal ends the process as usual.
    """

    def __init__(self) -> None:
        self._signal: int | None = None
        self._handlers: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def is_due(self, iteration: int) -> bool:  # noqa: ARG002
        """Whether a signal has arrived."""
        return self._signal is not None

    def keep(self, checkpoint: Checkpoint) -> None:
        """Raise `Stopped` if a signal has arrived."""
        if self._signal is not None:
            raise Stopped(self._signal, checkpoint)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # Python: no other may
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) != signal.SIG_IGN:  # set by nohup, for example
                    self._handlers[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._signal = number
        self._restore()

    def _restore(self) -> None:
        while self._handlers:
            number, handler = self._handlers.popitem()
            signal.signal(number, handler)


class FolderKeeper(SignalKeeper):
    """Saves the latest and the best state in a run's folder: see `RunFolder.keep`.

    It saves after every epoch and, unless `every` is None, after every `every` updates, and when a
    signal has arrived.
    """

    def __init__(self, folder: RunFolder, every: int | None = None) -> None:
        super().__init__()
        if every is not None and every < 1:
            raise UserError(f"checkpoint_every = {every}: accepted: 1 or more steps")
        self._folder = folder
        self._every = every

    def is_due(self, iteration: int) -> bool:
        """Whether `iteration` is a multiple of `every`, or a signal has arrived."""
        by_count = self._every is not None and iteration % self._every == 0
        return by_count or super().is_due(iteration)

    def keep(self, checkpoint: Checkpoint) -> None:
        """Save the state, then raise `Stopped` if a signal has arrived.

        Raises `Diverged` for a state that is not finite; the files then keep the state before it.
        """
        try:
            self._folder.keep(checkpoint)
        except UserError as error:
            at = (checkpoint.epoch, checkpoint.batch)
            raise Diverged(str(error), checkpoint.experiment, *at) from error
        super().keep(checkpoint)
