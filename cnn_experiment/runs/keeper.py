"""When a run's state is kept, and how a run is stopped."""

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
    """Is given the state of a training run. `train` of either backend takes one."""

    def is_due(self, iteration: int) -> bool:
        """Whether it wants the state after this count of updates; at an epoch's end it gets it."""

    def keep(self, checkpoint: Checkpoint) -> None:
        """Keep the state."""


class Diverged(UserError):  # noqa: N818 - named for what happened, as Stopped
    """A number that is not finite: from here on nothing but NaN would be learned."""

    def __init__(self, what: str, experiment: Experiment, epoch: int, batch: int) -> None:
        step = epoch * experiment.steps_per_epoch + batch
        super().__init__(
            f"{what} at step {step} (epoch {epoch + 1}, batch {batch}); accepted: finite numbers,"
            " which a smaller learning rate may give"
        )


class Stopped(Exception):  # noqa: N818 - no error
    """The run was asked to stop by a signal of this number, and has kept its state."""

    def __init__(self, number: int, checkpoint: Checkpoint, folder: RunFolder) -> None:
        super().__init__(f"{signal.Signals(number).name}: stopped after {checkpoint}")
        self.number, self.folder = number, folder.path


class FolderKeeper:
    """Keeps the latest and the best state in a run's folder.

    Every `every` updates besides every epoch. As a context manager it catches SIGINT and SIGTERM:
    the step is finished, the state kept, and `Stopped` raised. A second signal ends the process as
    usual.
    """

    def __init__(self, folder: RunFolder, every: int | None = None) -> None:
        if every is not None and every < 1:
            raise UserError(f"checkpoint_every = {every}: accepted: 1 or more steps")
        self._folder = folder
        self._every = every
        self._signal: int | None = None
        self._handlers: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def is_due(self, iteration: int) -> bool:
        """Every so many updates, and when a signal has come."""
        by_count = self._every is not None and iteration % self._every == 0
        return by_count or self._signal is not None

    def keep(self, checkpoint: Checkpoint) -> None:
        """Write the state, then raise `Stopped` if a signal has come.

        Raises `Diverged` for a state that is not finite; the one before it is still there.
        """
        try:
            self._folder.keep(checkpoint)
        except UserError as error:
            at = (checkpoint.epoch, checkpoint.batch)
            raise Diverged(str(error), checkpoint.experiment, *at) from error
        if self._signal is not None:
            raise Stopped(self._signal, checkpoint, self._folder)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # others may not
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) != signal.SIG_IGN:  # as nohup and a shell's & set it
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
