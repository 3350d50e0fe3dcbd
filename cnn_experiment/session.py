"""A training session: start or resume a run in its folder, train it with a backend, save it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cnn_experiment.backend import Backend, load_backend
from cnn_experiment.data.mnist import Digits, load_mnist
from cnn_experiment.errors import UserError, sentence_of
from cnn_experiment.machine import Machine
from cnn_experiment.runs.checkpoint import BackendName, Checkpoint
from cnn_experiment.runs.history import EpochRecord
from cnn_experiment.runs.keeper import Diverged, FolderKeeper
from cnn_experiment.runs.progress import Watcher
from cnn_experiment.runs.run_folder import RunFolder
from cnn_experiment.settings.experiment import Experiment


@dataclass(frozen=True)
class TrainingOptions:
    """Settings of a session that are not part of the experiment; a resumed run may change them.

    `checkpoint_every` is the number of steps between checkpoints; None writes one after each epoch
    only. `compiled` is for the torch backend only. See `load_mnist` for `data_dir`. `threads` is
    the number of threads on the CPU; None leaves it to the backend. `ranks` is the number of
    processes that train together. With another number of either, sums are rounded in another way.
    Raises `UserError` for more threads than there are cores.
    """

    device: str = "auto"
    compiled: bool = False
    checkpoint_every: int | None = None
    data_dir: Path | str | None = None
    threads: int | None = None
    ranks: int = 1

    def __post_init__(self) -> None:
        if self.threads is None:
            return
        cores = Machine.this().cores
        if not 1 <= self.threads <= cores:
            raise UserError(
                f"threads = {self.threads}: accepted: 1 to {cores}, the cores that this process"
                " may use"
            )


@dataclass(frozen=True)
class Session:
    """A run that is ready to train: its folder is locked, its digits and backend are loaded."""

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
        ranks, before = self.options.ranks, self.start.ranks
        together = f", {ranks} processes" if ranks > 1 else ""
        text = (
            f"{self.backend_name} ({self.backend.pick_device(self.options.device)}{together}):"
            f" {parameters:,} parameters, epochs: {experiment.epochs},"
            f" batches in each: {experiment.steps_per_epoch}"
        )
        if self.start.iteration:
            text += f"; going on after {self.start}"
            if ranks != before:
                text += (
                    f", of {before} process{'es' * (before > 1)}: with {ranks} the sums are rounded"
                    " otherwise, so that the last bits of the result can differ"
                )
        return text

    def train(self, watchers: Sequence[Watcher] = ()) -> EpochRecord:
        """Train to the end and write the final weights; return the last epoch's record.

        Raises `UserError` for a loss or weight that is not finite, for a file that cannot be
        written and for a rank that has ended, and `Stopped` after SIGINT or SIGTERM. The folder
        then still holds the latest checkpoint.
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
    """Start a run in `folder`; with `overwrite`, an older run there is moved into previous/.

    All input is checked before the folder is changed. Raises `UserError` for input that cannot be
    used.
    """
    folder.must_be_free(overwrite=overwrite)
    keeper = FolderKeeper(folder, options.checkpoint_every)
    digits = load_mnist(experiment, options.data_dir)
    digits.must_fit(experiment)
    backend = _backend(backend_name, experiment, options)

    with folder.taken():
        # Check again: another process may have started a run since the first check.
        folder.must_be_free(overwrite=overwrite)
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
    """Resume the run in `folder`; by default with its own backend and number of epochs.

    Raises `UserError` if there is no run, if nothing is left to train, or if the backend cannot
    train it. The run's files are then unchanged.
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
        name = backend_name or start.backend or "torch"  # a converted checkpoint names none
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
    kept.must_belong_to(experiment)
    return replace(kept, experiment=experiment)


def _backend(
    name: BackendName, experiment: Experiment, options: TrainingOptions
) -> Backend[object]:
    """Load the backend; raise `UserError` if it cannot train the experiment with these options."""
    if name != "torch":
        if options.ranks > 1:
            raise UserError(f"backend = {name!r}: several processes train with torch alone")
        if options.compiled:
            raise UserError(f"compile: accepted by the torch backend, not by {name}")
        if experiment.precision != "full":
            raise UserError(
                f"precision = {experiment.precision!r}: accepted by the Keras backend: full"
            )
    backend = load_backend(name)
    if options.threads is not None:
        backend.set_threads(options.threads)  # TensorFlow starts its threads in `pick_device`
    backend.pick_device(options.device)
    return backend


def _with_the_kept_state(error: Diverged | OSError, folder: RunFolder) -> UserError:
    """Return the error as one sentence that also says what the folder still holds."""
    reason = sentence_of(error) if isinstance(error, OSError) else str(error)
    return UserError(f"{reason}; {folder.latest_file} holds the run after {folder.read()}")
