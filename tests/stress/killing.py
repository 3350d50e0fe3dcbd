"""Kill trainings at random moments, resume them to their end, and compare with one left alone."""

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
"""Of one run."""


class State(NamedTuple):
    """A checkpoint to the last bit, the seconds in it left out."""

    epoch: int
    weights: dict[str, bytes]
    optimizer_state: dict[str, bytes]
    history: list[dict[str, object]]


class FinishedRun(NamedTuple):
    """The files of a finished run, the seconds in them left out."""

    weights: bytes
    history: list[dict[str, str]]
    latest: State
    best: State


def kill_runs(backend: str, runs: int, seed: int) -> dict[str, object]:
    """Kill and finish so many runs; return counts of the kills, and sentences under `wrong`.

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
                    wrong.append(f"{name}: it ends otherwise than the run that was left alone")
            except ValueError as error:  # UserError too: a state that does not load
                wrong.append(f"{name}: {error}")
    return {"backend": backend, "runs": runs, **counts, "wrong": wrong}


def kill_twice_in_an_epoch(
    trainer: Trainer, name: str, source: random.Random, counts: Counter[str]
) -> None:
    """Train and kill, and again from what was kept, until two kills fell into the same epoch."""
    folder = RunFolder(trainer.scratch / name)
    kills: Counter[int] = Counter()
    while not kills or max(kills.values()) < 2:
        begin = kept_iteration(folder) or 0
        # The first kill falls anywhere, the next ones into the epoch that the run goes on in.
        end = EPOCHS * STEPS if not kills else min(begin // STEPS + 1, EPOCHS) * STEPS
        in_save = source.random() < 0.5
        step = source.randint(begin + (not in_save), max(begin + 1, end))
        reached = trainer.kill(name, Moment.drawn(step, in_save=in_save, source=source))
        if folder.weights_file.exists():  # it was finished before; the run begins anew
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
    """Return how far the kept state is; None without one; raises `UserError` for a broken one."""
    return folder.read().iteration if folder.latest_file.exists() else None


def finished_run(path: Path) -> FinishedRun:
    """Read the files of a finished run."""
    folder = RunFolder(path)
    with folder.history_file.open(newline="") as file:
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
    latest, best = (state(read_checkpoint(file)) for file in (folder.latest_file, folder.best_file))
    return FinishedRun(folder.weights_file.read_bytes(), rows, latest, best)


def state(checkpoint: Checkpoint) -> State:
    """Return what two checkpoints of the same state have in common."""
    return State(
        checkpoint.epoch,
        {name: array.tobytes() for name, array in checkpoint.weights.items()},
        {name: array.tobytes() for name, array in checkpoint.optimizer_state.items()},
        [record.model_dump(exclude={"seconds"}) for record in checkpoint.history],
    )
