"""Both backends train the same experiment, and are compared after each epoch."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnn_experiment import Checkpoint, Experiment, FolderKeeper, RunFolder, UserError, load_mnist
from cnn_experiment.backend import load_backend, load_trained
from cnn_experiment.runs.checkpoint import BackendName
from measurements.child_processes import (
    ended,
    ends_as_a_child,
    has_finished,
    share_cores,
    start,
    stop,
)
from measurements.circumstances import Circumstances
from measurements.json_lines import add_line
from measurements.whole_run import EpochDistance, epoch_distance

BACKENDS: tuple[BackendName, BackendName] = ("torch", "keras")
"""Our backend and the reference."""
Folders = Mapping[BackendName, RunFolder]


def run_folders(runs: Path, preset_name: str) -> Folders:
    """Return the folder of each backend's run."""
    return {name: RunFolder(runs / f"{preset_name}-{name}") for name in BACKENDS}


def must_belong_to(experiment: Experiment, distances: Sequence[EpochDistance], out: Path) -> None:
    """Raise `UserError` if the distances in `out` are of another run, or of a longer one."""
    for distance in distances:
        if distance.experiment not in (None, experiment.with_changes(epochs=distance.epoch)):
            raise UserError(f"out = {out}: it belongs to another run; accepted: a new file")
    if len(distances) > experiment.epochs:
        raise UserError(f"epochs = {experiment.epochs}: {out} has {len(distances)} already")


def train_on(
    experiment: Experiment, epochs_done: int, folders: Folders, out: Path, data_dir: Path | None
) -> Iterator[EpochDistance]:
    """Train both runs epoch by epoch; yield the distance after each, and add it to `out`.

    Both runs must have done `epochs_done` epochs, or been stopped in the next one or after it.
    """
    if epochs_done == experiment.epochs:
        return
    for name, folder in folders.items():
        if epochs_done == 0:
            with folder.taken():
                if not folder.latest_file.exists():
                    folder.start(experiment, name)
        must_be_at(epochs_done, folder, experiment)
    threads = share_cores(len(folders))
    for epoch in range(epochs_done + 1, experiment.epochs + 1):
        train_both(experiment.with_changes(epochs=epoch), folders, data_dir)
        ours, theirs = (folders[name].read() for name in BACKENDS)
        distance = epoch_distance(ours, theirs)
        if epoch == experiment.epochs:
            our_digits = predicted_digits("torch", ours, data_dir)
            their_digits = predicted_digits("keras", theirs, data_dir)
            distance = distance.with_changes(
                predictions=len(our_digits),
                predictions_that_differ=int((our_digits != their_digits).sum()),
                experiment=experiment,
                circumstances=Circumstances.here(("torch", "keras", "tensorflow"), threads),
            )
        add_line(out, distance)
        yield distance


def must_be_at(epoch: int, folder: RunFolder, experiment: Experiment) -> None:
    """Raise `UserError` unless the folder holds this run, after this epoch or in the next one."""
    if not folder.latest_file.exists():
        raise UserError(
            f"runs = {folder.path}: there is no state in it to continue from after epoch {epoch};"
            " accepted: the folder that belongs to --out, or a new --out"
        )
    state = folder.read()
    is_same = state.experiment.with_changes(epochs=experiment.epochs) == experiment
    if not is_same or state.epoch not in (epoch, epoch + 1):
        raise UserError(
            f"runs = {folder.path}: it holds {state} of another run; accepted: a new folder, or the"
            " one that belongs to --out"
        )


def train_both(experiment: Experiment, folders: Folders, data_dir: Path | None) -> None:
    """Continue both runs to the end of the experiment, each in a child process.

    If one of them fails, it prints why, and this process ends with status 1.
    """
    under_way: list[BaseProcess] = []
    try:
        for name, folder in folders.items():
            start(under_way, train_in_a_process, name, folder, experiment, data_dir)
        while under_way:
            if not all(map(has_finished, ended(under_way))):
                sys.exit(1)
    finally:
        stop(under_way)


def train_in_a_process(
    name: BackendName, folder: RunFolder, experiment: Experiment, data_dir: Path | None
) -> None:
    """Continue the run in the folder, and keep its state there: the work of a child process."""
    with ends_as_a_child(str(folder.path)):
        backend = load_backend(name)
        backend.prepare_process()
        digits = load_mnist(experiment, data_dir)
        with folder.taken(), FolderKeeper(folder) as keeper:
            state = replace(folder.read(), experiment=experiment)
            backend.train(experiment, digits, start=state, keeper=keeper)


def predicted_digits(
    name: BackendName, state: Checkpoint, data_dir: Path | None
) -> NDArray[np.int64]:
    """Return the digit that a backend with these weights predicts for each test image."""
    backend, model = load_trained(name, state)
    digits = load_mnist(state.experiment, data_dir)
    seen: NDArray[np.int64] = backend.predict(model, digits.test_images_nhwc).argmax(1)
    return seen
