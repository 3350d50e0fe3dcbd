"""One training that is to be done: of which experiment, by whom, and where its files are."""

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from cnn_experiment import (
    EpochRecord,
    Experiment,
    FolderKeeper,
    RunFolder,
    UserError,
    load_mnist,
    preset,
)
from cnn_experiment.atomic_file import write_atomically
from measurements.accuracy.runs import AccuracyRun, Contestant, read_runs
from measurements.circumstances import Circumstances
from parity_tests.results import add_line


class Job(NamedTuple):
    """One training that is to be done."""

    preset: str
    epochs: int | None
    momentum: float | None
    train_images: int | None
    contestant: Contestant
    seed: int
    runs: Path
    results: Path
    data_dir: Path | None

    @property
    def experiment(self) -> Experiment:
        """What is trained; a `UserError` for what cannot be."""
        published = preset(self.preset)
        precision = "bfloat16" if self.contestant == "torch-bfloat16" else "full"
        changes: dict[str, Any] = {} if self.epochs is None else {"epochs": self.epochs}
        if self.momentum is not None:
            changes["optimizer"] = published.optimizer.with_changes(momentum=self.momentum)
        if self.train_images is not None:
            changes["data"] = published.data.with_changes(train_images=self.train_images)
        return published.with_changes(seed=self.seed, precision=precision, **changes)

    @property
    def name(self) -> str:
        """The preset, and what was changed in it but for the epochs."""
        momentum = "" if self.momentum is None else f", momentum {self.momentum}"
        images = "" if self.train_images is None else f", {self.train_images} images"
        return f"{self.preset}{momentum}{images}"

    @property
    def identity(self) -> tuple[str, str, int, int]:
        """As `AccuracyRun.identity`."""
        return self.name, self.contestant, self.experiment.epochs, self.seed

    @property
    def folder(self) -> Path:
        """Where its checkpoints are."""
        name = self.name.replace(", ", "-").replace(" ", "-")
        return self.runs / f"{name}-{self.contestant}-{self.experiment.epochs}-seed{self.seed}"

    @property
    def packages(self) -> tuple[str, ...]:
        """What it is trained with."""
        return ("keras", "tensorflow") if self.contestant == "keras" else ("torch",)


def train(job: Job, threads: int) -> None:
    """Train, from its last state where there is one, and add the line to the results.

    Raises `UserError` for a state that was begun under other circumstances: the line would not
    repeat it.
    """
    is_keras = job.contestant == "keras"
    backend = import_module("keras_ref" if is_keras else "torch_cnn")
    here = Circumstances.here(job.packages, threads)
    digits = load_mnist(job.experiment, job.data_dir)
    folder = RunFolder(job.folder)
    with folder.taken():
        if job.identity in {run.identity for run in read_runs(job.results)}:
            return  # by another command, meanwhile
        if job.contestant == "torch-stock-rmsprop":
            from measurements.accuracy.stock_rmsprop import plant_stock_rmsprop

            plant_stock_rmsprop()
            _, history = backend.train(job.experiment, digits)
        else:
            begun_file = job.folder / "circumstances.json"
            if not folder.latest_file.exists():
                write_atomically(begun_file, here.to_json().encode())
                folder.start(job.experiment, "keras" if is_keras else "torch")
            begun = Circumstances.from_file(begun_file, longest=2**16, what="its circumstances")
            if begun != here:
                raise UserError(f"it was begun with {begun}; accepted: the same, or other --runs")
            with FolderKeeper(folder) as keeper:
                start = folder.read()
                _, history = backend.train(job.experiment, digits, keeper=keeper, start=start)
        add_line(job.results, run_of(job, history, here))


def run_of(job: Job, history: Iterable[EpochRecord], here: Circumstances) -> AccuracyRun:
    """The line of a finished run."""
    records = list(history)
    return AccuracyRun(
        preset=job.name,
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
