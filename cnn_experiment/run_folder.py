"""The folder of one run: `experiment.json`, `history.csv`, checkpoints and the final weights."""

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
from cnn_experiment.checkpoint import Checkpoint, read_checkpoint
from cnn_experiment.errors import UserError
from cnn_experiment.experiment import Experiment
from cnn_experiment.history import EpochRecord
from cnn_experiment.variables import Variables

_LONGEST_JSON = 2**20


class RunFolder:
    """Writes a run's files, each whole or not at all. A run is finished once its weights are there.

    `latest.safetensors` is the state to go on from, `best.safetensors` the one after the epoch with
    the highest validation accuracy so far.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.experiment_file = self.path / "experiment.json"
        self.history_file = self.path / "history.csv"
        self.latest_file = self.path / "latest.safetensors"
        self.best_file = self.path / "best.safetensors"
        self.weights_file = self.path / "weights.safetensors"

    @property
    def files(self) -> tuple[Path, ...]:
        """All that a finished run has; whatever is missing, the ones before it tell of the run."""
        return (
            self.experiment_file,
            self.history_file,
            self.best_file,
            self.latest_file,
            self.weights_file,
        )

    def must_be_free(self, *, overwrite: bool = False) -> None:
        """Raise `UserError` if this is no folder, or one with a run that may not be replaced."""
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"out = {self.path}: it is a file; accepted: a folder, new or old")
        if not overwrite and any(file.exists() for file in self.files):
            finished = self.weights_file.exists()
            state = "a finished run" if finished else "an unfinished run"
            others = "another folder," if finished else "--resume to go on with it, another folder,"
            raise UserError(
                f"out = {self.path}: it holds {state}; accepted: {others} or --overwrite"
                " to put it aside into previous/"
            )

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Keep other processes out of the folder; raise `UserError` if one is in it already.

        The system ends that with the process, however that ends.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise UserError(
                f"{self.path}: another process is training in it; accepted: a folder of its own"
            ) from None
        try:
            remove_unfinished(self.path)
            yield
        finally:
            lock.release()

    def start(self, experiment: Experiment) -> None:
        """Begin a run here; the files of a run that was here are moved into `previous/`."""
        self.path.mkdir(parents=True, exist_ok=True)
        if any(file.exists() for file in self.files):
            self._put_aside()
        write_atomically(self.experiment_file, experiment.to_json().encode())

    def _put_aside(self) -> None:
        previous = self.path / "previous"
        previous.mkdir(exist_ok=True)
        for file in self.files:
            (previous / file.name).unlink(missing_ok=True)
        for file in reversed(self.files):  # so that what is left at any time is a run
            if file.exists():
                file.replace(previous / file.name)

    def read(self) -> tuple[Experiment, Checkpoint | None]:
        """The experiment of the run that is here and its latest state, if it has one yet.

        Raises `UserError` where there is no run, and for files that cannot be one's.
        """
        if self.latest_file.exists():
            checkpoint = read_checkpoint(self.latest_file)
            return checkpoint.experiment, checkpoint
        if not self.experiment_file.is_file():
            raise UserError(
                f"resume = {self.path}: there is no run in it; accepted: a run's folder"
            )
        return read_experiment(self.experiment_file), None

    def must_hold_a_run(self) -> None:
        """Raise `UserError` where nothing was begun."""
        if not self.latest_file.exists() and not self.experiment_file.is_file():
            raise UserError(
                f"resume = {self.path}: there is no run in it; accepted: a run's folder"
            )

    def go_on(self, experiment: Experiment, checkpoint: Checkpoint | None) -> None:
        """Bring all files to the state of the checkpoint; the run is unfinished from now on."""
        self.weights_file.unlink(missing_ok=True)
        write_atomically(self.experiment_file, experiment.to_json().encode())
        if checkpoint is not None:
            self._write_history(checkpoint.history)

    def keep(self, checkpoint: Checkpoint) -> None:
        """Replace the latest state by this one, and after an epoch the history, and maybe the best.

        The latest comes last: whoever goes on from the one before writes the others once more.
        """
        content = checkpoint.to_bytes()
        if checkpoint.batch == 0 and checkpoint.history:
            *before, last = (record.val_accuracy for record in checkpoint.history)
            if last > max(before, default=-1.0):
                write_atomically(self.best_file, content)
            self._write_history(checkpoint.history)
        write_atomically(self.latest_file, content)

    def _write_history(self, history: tuple[EpochRecord, ...]) -> None:
        if history:
            write_table_atomically(self.history_file, [row.model_dump() for row in history])

    def finish(self, weights: Variables) -> None:
        """Write the final weights, under their neutral names and in Keras' layout."""
        contiguous = {name: np.ascontiguousarray(array) for name, array in weights.items()}
        write_atomically(self.weights_file, save(contiguous))


def read_experiment(path: Path) -> Experiment:
    """The experiment in a JSON file; raises `UserError` for anything else that is in there."""
    if path.stat().st_size > _LONGEST_JSON:
        raise UserError(f"{path}: it has {path.stat().st_size} bytes; accepted: an experiment.json")
    try:
        return Experiment.from_json(path.read_bytes())
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
