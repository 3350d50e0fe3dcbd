"""The folder of one run: `experiment.json`, `history.csv` and `weights.safetensors`."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from cnn_experiment.atomic_file import write_atomically, write_table_atomically
from cnn_experiment.errors import UserError
from cnn_experiment.experiment import Experiment
from cnn_experiment.history import EpochRecord
from cnn_experiment.variables import Variables


class RunFolder:
    """Writes a run's files, each whole or not at all. A run is finished once its weights are there.

    As a `Watcher` of the training it rewrites the history after every epoch.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.experiment_file = self.path / "experiment.json"
        self.history_file = self.path / "history.csv"
        self.weights_file = self.path / "weights.safetensors"
        self._history: list[EpochRecord] = []

    @property
    def files(self) -> tuple[Path, ...]:
        """All that a finished run has."""
        return self.experiment_file, self.history_file, self.weights_file

    def must_be_free(self, *, overwrite: bool = False) -> None:
        """Raise `UserError` if this is no folder, or one with a run that may not be replaced."""
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"out = {self.path}: it is a file; accepted: a folder, new or old")
        if not overwrite and any(file.exists() for file in self.files):
            state = "a finished run" if self.weights_file.exists() else "an unfinished run"
            raise UserError(
                f"out = {self.path}: it holds {state}; accepted: another folder, or --overwrite"
                " to put it aside into previous/"
            )

    def start(self, experiment: Experiment) -> None:
        """Begin a run here; the files of a run that was here are moved into `previous/`."""
        self.path.mkdir(parents=True, exist_ok=True)
        if any(file.exists() for file in self.files):
            self._put_aside()
        self._history.clear()
        write_atomically(self.experiment_file, experiment.to_json().encode())

    def _put_aside(self) -> None:
        previous = self.path / "previous"
        previous.mkdir(exist_ok=True)
        for file in self.files:
            (previous / file.name).unlink(missing_ok=True)
        for file in self.files:
            if file.exists():
                file.replace(previous / file.name)

    def batches_done(self, count: int, loss: float, accuracy: float) -> None:
        """Nothing is written within an epoch."""

    def epoch_done(self, record: EpochRecord) -> None:
        """Replace the history by one with this record at its end."""
        self._history.append(record)
        write_table_atomically(self.history_file, [asdict(record) for record in self._history])

    def finish(self, weights: Variables) -> None:
        """Write the final weights, under their neutral names and in Keras' layout."""
        contiguous = {name: np.ascontiguousarray(array) for name, array in weights.items()}
        write_atomically(self.weights_file, save(contiguous))
