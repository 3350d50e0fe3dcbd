"""One training of the study: of which experiment, by which contestant, where its files are."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from cnn_experiment import (
    EpochRecord,
    Experiment,
    FolderKeeper,
    RunFolder,
    UserError,
    load_mnist,
)
from cnn_experiment.atomic_file import write_atomically
from cnn_experiment.backend import load_backend
from cnn_experiment.runs.checkpoint import BackendName
from measurements.accuracy.runs import AccuracyRun, Contestant, read_runs
from measurements.circumstances import Circumstances
from measurements.json_lines import add_line
from measurements.recipe import Recipe


class Places(NamedTuple):
    """Where a study's files are."""

    results: Path
    """File that gets a line for each finished run."""
    runs: Path
    """Folder of the folders of runs that are under way."""
    data_dir: Path | None = None


class Job(NamedTuple):
    """One training that is to be done."""

    recipe: Recipe
    contestant: Contestant
    seed: int
    places: Places

    @property
    def experiment(self) -> Experiment:
        """What is trained."""
        precision = "bfloat16" if self.contestant == "torch-bfloat16" else "full"
        return self.recipe.experiment.with_changes(seed=self.seed, precision=precision)

    @property
    def identity(self) -> tuple[str, str, int, int]:
        """As `AccuracyRun.identity`."""
        return self.recipe.name, self.contestant, self.experiment.epochs, self.seed

    @property
    def folder(self) -> Path:
        """Where its checkpoints are."""
        name = self.recipe.name.replace(", ", "-").replace(" ", "-")
        return (
            self.places.runs / f"{name}-{self.contestant}-{self.experiment.epochs}-seed{self.seed}"
        )

    @property
    def backend_name(self) -> BackendName:
        """Which backend trains it."""
        return "keras" if self.contestant == "keras" else "torch"

    @property
    def packages(self) -> tuple[str, ...]:
        """What it is trained with."""
        return ("keras", "tensorflow") if self.contestant == "keras" else ("torch",)


def train(job: Job, threads: int) -> None:
    """Train, from its last state where there is one, and add the line to the results.

    The process is prepared as for any training. Raises `UserError` for a state that was begun under
    other circumstances: the line would not repeat it.
    """
    backend = load_backend(job.backend_name)
    backend.prepare_process()
    here = Circumstances.here(job.packages, threads)
    digits = load_mnist(job.experiment, job.places.data_dir)
    folder = RunFolder(job.folder)
    with folder.taken():
        if job.identity in {run.identity for run in read_runs(job.places.results)}:
            return  # another command has trained it meanwhile
        if job.contestant == "torch-stock-rmsprop":
            from measurements.accuracy.stock_rmsprop import plant_stock_rmsprop

            plant_stock_rmsprop()
            _, history = backend.train(job.experiment, digits)
        else:
            begin_or_go_on(job, folder, here)
            with FolderKeeper(folder) as keeper:
                start = folder.read()
                _, history = backend.train(job.experiment, digits, keeper=keeper, start=start)
        add_line(job.places.results, run_of(job, history, here))


def begin_or_go_on(job: Job, folder: RunFolder, here: Circumstances) -> None:
    """Keep the first state, or raise `UserError` if it was begun under other circumstances."""
    begun_file = job.folder / "circumstances.json"
    if not folder.latest_file.exists():
        write_atomically(begun_file, here.to_json().encode())
        folder.start(job.experiment, job.backend_name)
    begun = Circumstances.from_file(begun_file, longest=2**16, what="its circumstances")
    if begun != here:
        raise UserError(f"it was begun with {begun}; accepted: the same, or other --runs")


def run_of(job: Job, history: Iterable[EpochRecord], here: Circumstances) -> AccuracyRun:
    """The line of a finished run."""
    records = list(history)
    return AccuracyRun(
        preset=job.recipe.name,
        contestant=job.contestant,
        seed=job.seed,
        val_accuracy=tuple(round(record.val_accuracy, 6) for record in records),
        val_loss=tuple(round(record.val_loss, 6) for record in records),
        accuracy=tuple(round(record.accuracy, 6) for record in records),
        loss=tuple(round(record.loss, 6) for record in records),
        experiment=job.experiment,
        threads=here.threads,
        versions=here.versions,
        machine=here.machine,
    )
