"""The folder of one run: `experiment.json`, `history.csv`, checkpoints and the final weights."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from safetensors.numpy import save

from cnn_experiment.atomic_file import (
    remove_unfinished,
    write_atomically,
    write_table_atomically,
)
from cnn_experiment.errors import UserError
from cnn_experiment.runs.checkpoint import BackendName, Checkpoint, read_checkpoint
from cnn_experiment.runs.history import EpochRecord
from cnn_experiment.settings.experiment import Experiment
from cnn_experiment.settings.randomness import initial_weights
from cnn_experiment.variables import Variables

_LONGEST_JSON = 2**20


class RunFolder:
    """Reads and writes the files of a run; each file is written completely or not at all.

    `latest.safetensors` is the checkpoint to resume from. `best.safetensors` is the checkpoint
    after the epoch with the highest validation accuracy so far. `weights.safetensors` holds the
    final weights; it exists only if the run is finished.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.experiment_file = self.path / "experiment.json"
        self.history_file = self.path / "history.csv"
        self.latest_file = self.path / "latest.safetensors"
        self.best_file = self.path / "best.safetensors"
        self.weights_file = self.path / "weights.safetensors"
        self.curves_file = self.path / "curves.png"
        self._previous = self.path / "previous"
        self._moving = self.path / ".moving"  # files on their way into previous/
        self._outdated = self.path / ".outdated"  # the old previous/, to be deleted

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of a finished run except `curves.png`, which is optional."""
        return (
            self.experiment_file,
            self.history_file,
            self.best_file,
            self.latest_file,
            self.weights_file,
        )

    def must_be_free(self, *, overwrite: bool = False) -> None:
        """Raise `UserError` if this is a file or, without `overwrite`, a folder with a run."""
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"out = {self.path}: it is a file; accepted: a folder, new or old")
        if not overwrite and self._has_files():
            finished = self.weights_file.exists()
            state = "a finished run" if finished else "an unfinished run"
            others = "another folder," if finished else "--resume to continue it, another folder,"
            raise UserError(
                f"out = {self.path}: it holds {state}; accepted: {others} or --overwrite"
                " to move it into previous/"
            )

    def must_hold_a_run(self) -> None:
        """Raise `UserError` if there is no run that can be resumed."""
        if not self.latest_file.is_file() and not self._moving.exists():
            raise UserError(
                f"resume = {self.path}: it holds no run that can be resumed; accepted: a run's"
                " folder, which has latest.safetensors"
            )

    def _has_files(self) -> bool:
        return self._moving.exists() or any(file.exists() for file in self.files)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Lock the folder, so that no other process trains in it; create it if it does not exist.

        The system releases the lock when the process ends, even if it is killed. Files that a
        killed process left unfinished are first removed or moved back. Raises `UserError` if
        another process has the lock, or if the folder cannot be created or written to.
        """
        lock = FileLock(self.path / ".lock", timeout=0)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            raise UserError(
                f"{self.path}: another process is training in it; accepted: a folder of its own"
            ) from None
        except OSError as error:
            raise UserError(
                f"the run's folder {self.path}: {error.strerror}; accepted: a folder that can be"
                " written to"
            ) from error
        try:
            remove_unfinished(self.path)
            self._undo_half_a_move()
            yield
        finally:
            lock.release()

    def start(self, experiment: Experiment, backend: BackendName) -> None:
        """Start a run here; the files of an older run are moved into `previous/`.

        The state before the first step is saved at once, so that the run can always be resumed.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        if self._has_files():
            self._put_aside()
        weights = initial_weights(experiment.network, experiment.seed, experiment.dtype)
        state = experiment.initial_optimizer_state()
        first = Checkpoint(experiment, weights, state, backend=backend)
        write_atomically(self.latest_file, first.to_bytes())
        write_atomically(self.experiment_file, experiment.to_json().encode())

    def _put_aside(self) -> None:
        """Move all files of the run into `previous/`.

        If this is interrupted, `_undo_half_a_move` moves the files back.
        """
        self._moving.mkdir(exist_ok=True)
        for file in (*self.files, self.curves_file):
            if file.exists():
                file.replace(self._moving / file.name)
        if self._previous.exists():
            self._previous.replace(self._outdated)
        self._moving.replace(self._previous)
        if self._outdated.exists():
            shutil.rmtree(self._outdated)

    def _undo_half_a_move(self) -> None:
        """Complete or undo what an interrupted `_put_aside` left behind."""
        if self._outdated.exists():
            if self._previous.exists():
                shutil.rmtree(self._outdated)
            else:
                self._outdated.replace(self._previous)
        if self._moving.exists():
            for file in (*self.files, self.curves_file):
                if (self._moving / file.name).exists():
                    (self._moving / file.name).replace(file)
            self._moving.rmdir()

    def read(self) -> Checkpoint:
        """Return the latest state of the run in this folder.

        Raises `UserError` if there is no run, or if its file is damaged.
        """
        self.must_hold_a_run()
        return read_checkpoint(self.latest_file)

    def go_on(self, checkpoint: Checkpoint) -> None:
        """Make all files agree with `checkpoint`, from which the run will be resumed.

        The final weights are deleted, so that the run is unfinished. The checkpoint's experiment
        may have another number of epochs than before.
        """
        write_atomically(self.latest_file, checkpoint.to_bytes())
        write_atomically(self.experiment_file, checkpoint.experiment.to_json().encode())
        if self.best_file.exists():
            best = read_checkpoint(self.best_file).history
            if (
                best != checkpoint.history[: len(best)]
            ):  # it is from an epoch that will be trained again
                self.best_file.unlink()
        self._write_history(checkpoint.history)
        self.curves_file.unlink(missing_ok=True)  # drawn again from the history, if at all
        self.weights_file.unlink(missing_ok=True)

    def keep(self, checkpoint: Checkpoint) -> None:
        """Replace the latest state; after an epoch also the history and, if it is better, the best.

        The latest state is written last. If the process is killed before that, the resumed run
        trains from the earlier state and writes the other files again.
        """
        content = checkpoint.to_bytes()
        if checkpoint.batch == 0 and checkpoint.history:
            *before, last = (record.val_accuracy for record in checkpoint.history)
            if last > max(before, default=-1.0) or not self.best_file.exists():
                write_atomically(self.best_file, content)
            self._write_history(checkpoint.history)
        write_atomically(self.latest_file, content)

    def _write_history(self, history: tuple[EpochRecord, ...]) -> None:
        if not history:
            self.history_file.unlink(missing_ok=True)
        else:
            write_table_atomically(self.history_file, [row.model_dump() for row in history])

    def finish(self, weights: Variables) -> None:
        """Write the final weights, under neutral names and in Keras' layout."""
        contiguous = {name: np.ascontiguousarray(array) for name, array in weights.items()}
        write_atomically(self.weights_file, save(contiguous))


def read_experiment(path: Path | str) -> Experiment:
    """Return the experiment in a JSON file; raises `UserError` for any other content."""
    return Experiment.from_file(Path(path), longest=_LONGEST_JSON, what="an experiment.json")
