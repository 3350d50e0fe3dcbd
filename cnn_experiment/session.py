"""A training session: a run is begun or resumed in its folder, trained by a backend, and saved."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cnn_experiment.backend import Backend, load_backend
from cnn_experiment.data.mnist import Digits, load_mnist
from cnn_experiment.errors import UserError, sentence_of
from cnn_experiment.runs.checkpoint import BackendName, Checkpoint
from cnn_experiment.runs.history import EpochRecord
from cnn_experiment.runs.keeper import Diverged, FolderKeeper
from cnn_experiment.runs.progress import Watcher
from cnn_experiment.runs.run_folder import RunFolder
from cnn_experiment.settings.experiment import Experiment


@dataclass(frozen=True)
class TrainingOptions:
    """What a run is trained with, besides its backend; a resumed run may be given others.

    `checkpoint_every` counts steps between checkpoints; None keeps one after each epoch only.
    """

    device: str = "auto"
    compiled: bool = False
    checkpoint_every: int | None = None
    data_dir: Path | str | None = None


@dataclass(frozen=True)
class Session:
    """A run that is ready to be trained: its folder is taken, its digits and backend are loaded."""

    folder: RunFolder
    start: Checkpoint
    """The state to train from."""
    digits: Digits
    backend_name: BackendName
    backend: Backend[object]
    keeper: FolderKeeper
    options: TrainingOptions

    def __str__(self) -> str:
        experiment = self.start.experiment
        parameters = sum(layer.parameters for layer in experiment.network.layers())
        text = (
            f"{self.backend_name} ({self.backend.pick_device(self.options.device)}):"
            f" {parameters:,} parameters, epochs: {experiment.epochs},"
            f" batches in each: {experiment.steps_per_epoch}"
        )
        return text + (f"; going on after {self.start}" if self.start.iteration else "")

    def train(self, watchers: Sequence[Watcher] = ()) -> EpochRecord:
        """Train to the end and write the final weights; return the last epoch's record.

        Raises `UserError` for a number that is not finite and for a file that cannot be written,
        and `Stopped` after SIGINT or SIGTERM. The folder then still holds the latest checkpoint.
        """
        try:
            with self.keeper:
                model, history = self.backend.train(
                    self.start.experiment,
                    self.digits,
                    device=self.options.device,
                    watchers=watchers,
                    keeper=self.keeper,
                    start=self.start,
                    compiled=self.options.compiled,
                )
            self.folder.finish(self.backend.neutral_weights(model))
        except (Diverged, OSError) as error:
            raise _with_the_kept_state(error, self.folder) from error
        return history[-1]


@contextmanager
def new_session(
    experiment: Experiment,
    folder: RunFolder,
    backend_name: BackendName,
    options: TrainingOptions,
    *,
    overwrite: bool = False,
) -> Iterator[Session]:
    """Begin a run in `folder`; with `overwrite`, a run that is there is moved into previous/.

    Whatever can be wrong with the input is found before the folder is touched, and raises
    `UserError`.
    """
    folder.must_be_free(overwrite=overwrite)
    keeper = FolderKeeper(folder, options.checkpoint_every)
    digits = load_mnist(experiment, options.data_dir)
    digits.must_fit(experiment)
    backend = _backend(backend_name, experiment, options)
    with folder.taken():
        folder.must_be_free(overwrite=overwrite)  # another process may have begun one meanwhile
        folder.start(experiment, backend_name)
        yield Session(folder, folder.read(), digits, backend_name, backend, keeper, options)


@contextmanager
def resumed_session(
    folder: RunFolder,
    options: TrainingOptions,
    *,
    backend_name: BackendName | None = None,
    epochs: int | None = None,
) -> Iterator[Session]:
    """Go on with the run in `folder`; its own backend and count of epochs are the defaults.

    Raises `UserError` where there is no run, where nothing is left to do, and where the backend
    cannot train it. The run's files are then as they were.
    """
    folder.must_hold_a_run()
    keeper = FolderKeeper(folder, options.checkpoint_every)
    with folder.taken():
        start = _with_epochs(folder.read(), epochs)
        if start.epoch == start.experiment.epochs and folder.weights_file.exists():
            raise UserError(
                f"resume = {folder.path}: the run is finished, after {start.epoch} epochs;"
                " accepted: more --epochs"
            )
        name = backend_name or start.backend or "torch"  # a converted checkpoint has no backend yet
        backend = _backend(name, start.experiment, options)
        digits = load_mnist(start.experiment, options.data_dir)
        digits.must_fit(start.experiment)
        try:
            folder.go_on(start)
        except OSError as error:
            raise _with_the_kept_state(error, folder) from error
        yield Session(folder, start, digits, name, backend, keeper, options)


def _with_epochs(kept: Checkpoint, epochs: int | None) -> Checkpoint:
    if epochs is None:
        return kept
    experiment = kept.experiment.with_changes(epochs=epochs)
    kept.must_fit(experiment)
    return replace(kept, experiment=experiment)


def _backend(
    name: BackendName, experiment: Experiment, options: TrainingOptions
) -> Backend[object]:
    """Load the backend; raise `UserError` where it cannot train this experiment as asked."""
    if name != "torch":
        if options.compiled:
            raise UserError(f"compile: accepted by the torch backend, not by {name}")
        if experiment.precision != "full":
            raise UserError(
                f"precision = {experiment.precision!r}: accepted by the Keras backend: full"
            )
    backend = load_backend(name)
    backend.pick_device(options.device)
    return backend


def _with_the_kept_state(error: Diverged | OSError, folder: RunFolder) -> UserError:
    """Return the error, with what the folder still holds."""
    reason = sentence_of(error) if isinstance(error, OSError) else str(error)
    return UserError(f"{reason}; {folder.latest_file} holds the run after {folder.read()}")
