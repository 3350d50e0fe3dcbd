"""One training of the study: its experiment, its contestant, and the places of its files."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from cnn_experiment import (
    Diverged,
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
from measurements.accuracy.runs import AccuracyRun, Contestant, Device
from measurements.circumstances import Circumstances
from measurements.recipe import Recipe


class Places(NamedTuple):
    """The places of a study's files."""

    results: Path
    """The file with a line for each finished run."""
    runs: Path
    """The folder with a folder for each unfinished run."""
    data_dir: Path | None = None


class Job(NamedTuple):
    """One training to do."""

    recipe: Recipe
    contestant: Contestant
    seed: int
    places: Places
    device: Device = "cpu"

    @property
    def experiment(self) -> Experiment:
        """The experiment that is trained."""
        precision = "bfloat16" if self.contestant == "torch-bfloat16" else "full"
        return self.recipe.experiment.with_changes(seed=self.seed, precision=precision)

    @property
    def identity(self) -> tuple[str, str, int, int, Device]:
        """The same as `AccuracyRun.identity` of the finished run."""
        return self.recipe.name, self.contestant, self.experiment.epochs, self.seed, self.device

    @property
    def folder(self) -> Path:
        """The folder of its checkpoints."""
        name = self.recipe.name.replace(", ", "-").replace(" ", "-")
        where = "" if self.device == "cpu" else f"-{self.device}"
        return self.places.runs / (
            f"{name}-{self.contestant}-{self.experiment.epochs}-seed{self.seed}{where}"
        )

    @property
    def backend_name(self) -> BackendName:
        """The backend that trains it."""
        return "keras" if self.contestant == "keras" else "torch"

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages that it is trained with."""
        return ("keras", "tensorflow") if self.contestant == "keras" else ("torch",)


class Trained(NamedTuple):
    """A training that has ended; one that diverged counts as a run, of the epochs before that."""

    run: AccuracyRun
    why_diverged: str | None = None


def train(job: Job, threads: int) -> Trained:
    """Train with so many threads, from the last saved state or from the start.

    Several may be trained one after another in a process, with the same number of threads. Raises
    `UserError` for a device that is not there, and for a saved state from other versions, threads
    or machine: the circumstances of the run would then be wrong.
    """
    backend = load_backend(job.backend_name)
    backend.set_threads(threads)
    backend.prepare_process()
    backend.pick_device(job.device)
    gpu = gpu_name(job.backend_name) if job.device == "cuda" else None
    here = Circumstances.here(job.packages, threads, gpu)
    digits = load_mnist(job.experiment, job.places.data_dir)
    folder = RunFolder(job.folder)
    with folder.taken():
        if job.contestant == "torch-stock-rmsprop":
            from measurements.accuracy.stock_rmsprop import planted_stock_rmsprop

            with planted_stock_rmsprop():
                model, history = backend.train(job.experiment, digits, device=job.device)
        else:
            begin_or_go_on(job, folder, here)
            with FolderKeeper(folder) as keeper:
                start = folder.read()
                try:
                    model, history = backend.train(
                        job.experiment, digits, device=job.device, keeper=keeper, start=start
                    )
                except Diverged as error:
                    kept = folder.read().history
                    return Trained(run_of(job, kept, here, len(kept) + 1), str(error))
        if device_of(model) != job.device:
            raise UserError(f"device = {job.device}: it was trained on {device_of(model)}")
        return Trained(run_of(job, history, here))


def gpu_name(backend: BackendName) -> str:
    """Return the name of the CUDA device that a backend computes on."""
    if backend == "torch":
        import torch

        return torch.cuda.get_device_name()
    import tensorflow as tf

    first, *_ = tf.config.list_physical_devices("GPU")
    return str(tf.config.experimental.get_device_details(first)["device_name"])


def device_of(model: Any) -> Device:
    """Return where a model of either backend has its weights."""
    if hasattr(model, "trainable_variables"):
        return "cuda" if "GPU" in model.trainable_variables[0].value.device else "cpu"
    return "cpu" if model.device.type == "cpu" else "cuda"


def begin_or_go_on(job: Job, folder: RunFolder, here: Circumstances) -> None:
    """Save the first state of a new run; of an old one, compare the circumstances.

    Raises `UserError` if they differ.
    """
    begun_file = job.folder / "circumstances.json"
    if not folder.latest_file.exists():
        write_atomically(begun_file, here.to_json().encode())
        folder.start(job.experiment, job.backend_name)
    begun = Circumstances.from_file(begun_file, longest=2**16, what="its circumstances")
    if begun != here:
        raise UserError(f"it was begun with {begun}; accepted: the same, or other --runs")


def run_of(
    job: Job, history: Iterable[EpochRecord], here: Circumstances, diverged: int | None = None
) -> AccuracyRun:
    """Return the line of a run that has finished, or that diverged in an epoch."""
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
        device=job.device,
        gpu=here.gpu,
        diverged=diverged,
    )
