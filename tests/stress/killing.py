"""Kill trainings at random moments, resume them to the end, and compare with an undisturbed one."""

import csv
import random
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from cnn_experiment import Checkpoint, RunFolder, read_checkpoint
from tests.stress.killed_training import EPOCHS, STEPS, Moment, Trainer

MOST_KILLS = 20
"""The largest number of kills in one run."""


class State(NamedTuple):
    """The bits of a checkpoint, without the seconds in it."""

    epoch: int
    weights: dict[str, bytes]
    optimizer_state: dict[str, bytes]
    history: list[dict[str, object]]


class FinishedRun(NamedTuple):
    """The content of a finished run's files, without the seconds in them."""

    weights: bytes
    history: list[dict[str, str]]
    latest: State
    best: State


def kill_runs(backend: str, runs: int, seed: int) -> dict[str, object]:
    """Kill and finish `runs` runs; return counts of the kills, and a sentence for each wrong run.

    `seed` decides the moments.
    """
    source = random.Random(seed)  # noqa: S311 - moments, no secrets
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        trainer = Trainer(backend, Path(scratch))
        trainer.finish("alone")
        alone = finished_run(Path(scratch) / "alone")
        for number in tqdm(range(runs), desc="runs", disable=None):
            name = f"run-{number}"
            try:
                kill_twice_in_an_epoch(trainer, name, source, counts)
                trainer.finish(name)
                if finished_run(Path(scratch) / name) != alone:
                    wrong.append(
                        f"{name}: its files differ from those of the run that was never killed"
                    )
            except ValueError as error:  # UserError too: a state that does not load
                wrong.append(f"{name}: {error}")
    return {"backend": backend, "runs": runs, **counts, "wrong": wrong}


def kill_twice_in_an_epoch(
    trainer: Trainer, name: str, source: random.Random, counts: Counter[str]
) -> None:
    """Train, kill and resume until two kills have hit the same epoch."""
    folder = RunFolder(trainer.scratch / name)
    kills: Counter[int] = Counter()
    while not kills or max(kills.values()) < 2:
        begin = kept_iteration(folder) or 0
        # The first kill hits any step, the next ones the epoch in which the run continues.
        end = EPOCHS * STEPS if not kills else min(begin // STEPS + 1, EPOCHS) * STEPS
        in_save = source.random() < 0.5
        step = source.randint(begin + (not in_save), max(begin + 1, end))
        reached = trainer.kill(name, Moment.drawn(step, in_save=in_save, source=source))
        if folder.weights_file.exists():  # the run had finished before; start it again
            counts["kills that came too late"] += 1
            shutil.rmtree(folder.path)
            kills.clear()
            continue
        kills[max(reached - 1, 0) // STEPS] += 1
        counts["kills"] += 1
        counts["kills in a save" if in_save else "kills in a step"] += 1
        counts["files left unfinished"] += any(folder.path.glob(".*.partial"))
        if kept_iteration(folder) is None:
            counts["kills before the first state"] += 1
        if sum(kills.values()) > MOST_KILLS:
            raise ValueError(f"it was killed {MOST_KILLS} times without two kills in one epoch")


def kept_iteration(folder: RunFolder) -> int | None:
    """Return the iteration of the saved state; None without one.

    Raises `UserError` for a state that does not load.
    """
    return folder.read().iteration if folder.latest_file.exists() else None


def finished_run(path: Path) -> FinishedRun:
    """Return the content of a finished run's files."""
    folder = RunFolder(path)
    with folder.history_file.open(newline="") as file:
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
    latest, best = (state(read_checkpoint(file)) for file in (folder.latest_file, folder.best_file))
    return FinishedRun(folder.weights_file.read_bytes(), rows, latest, best)


def state(checkpoint: Checkpoint) -> State:
    """Return the bits of a checkpoint, without the seconds in it."""
    return State(
        checkpoint.epoch,
        {name: array.tobytes() for name, array in checkpoint.weights.items()},
        {name: array.tobytes() for name, array in checkpoint.optimizer_state.items()},
        [record.model_dump(exclude={"seconds"}) for record in checkpoint.history],
    )
