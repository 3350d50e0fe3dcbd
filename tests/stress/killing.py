"""Kill trainings at random moments, resume them to the end, and compare with an undisturbed one."""

import csv
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cnn_experiment import Checkpoint, RunFolder, read_checkpoint
from cnn_experiment.runs.checkpoint import BackendName
from measurements.blocks import Line, do_blocks, lines_of
from measurements.cluster import Workers
from measurements.json_lines import must_be_a_file_of_lines, read_lines
from tests.stress.killed_training import EPOCHS, STEPS, Moment, Trainer

MOST_KILLS = 20
"""The largest number of kills in one run."""
RUNS_OF_A_BLOCK = 10
"""How many runs share the start of a process, and a run that is not killed."""
COUNTED = (
    "kills",
    "kills in a step",
    "kills in a save",
    "kills before the first state",
    "kills that came too late",
    "files left unfinished",
)


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


class KilledRun(Line):
    """A run that was killed and resumed until it was done: a line of the results."""

    backend: BackendName
    seed: int
    number: int
    counts: dict[str, int]
    wrong: str | None = None
    """A sentence, if its files are not those of a run that was never killed."""

    @property
    def identity(self) -> tuple[BackendName, int, int]:
        """What decides its moments."""
        return self.backend, self.seed, self.number


class KilledRuns(NamedTuple):
    """The runs of one process."""

    backend: BackendName
    seed: int
    numbers: Sequence[int]

    def __str__(self) -> str:
        return f"runs {', '.join(map(str, self.numbers))}"


def kill_missing(
    backend: BackendName, runs: int, seed: int, results: Path, workers: Workers
) -> dict[str, object] | None:
    """Do the runs that the results do not have yet; return the counts of all, or None if some miss.

    Prints why some miss.
    """
    must_be_a_file_of_lines(results, "results")
    wanted = [(backend, seed, number) for number in range(runs)]
    done = {run.identity for run in read_lines(results, KilledRun)}
    missing = [identity[-1] for identity in wanted if identity not in done]
    blocks = [
        KilledRuns(backend, seed, missing[begin : begin + RUNS_OF_A_BLOCK])
        for begin in range(0, len(missing), RUNS_OF_A_BLOCK)
    ]
    if not do_blocks(in_a_process, blocks, results, workers):
        return None
    by_identity = {run.identity: run for run in read_lines(results, KilledRun)}
    return summary([by_identity[identity] for identity in wanted])


def summary(runs: Sequence[KilledRun]) -> dict[str, object]:
    """Return the counts of all these runs, and a sentence for each that is wrong."""
    counts = {name: sum(run.counts.get(name, 0) for run in runs) for name in COUNTED}
    wrong = [f"run-{run.number}: {run.wrong}" for run in runs if run.wrong is not None]
    return {"backend": runs[0].backend, "runs": len(runs), **counts, "wrong": wrong}


def in_a_process(block: KilledRuns) -> list[KilledRun]:
    """Do the runs in a new process, since one with threads, such as a worker, must not fork."""
    given = block.backend, block.seed, *block.numbers
    return [KilledRun.from_json(line) for line in lines_of("tests.stress.killing_process", *given)]


def kill_runs(block: KilledRuns) -> Iterator[KilledRun]:
    """Kill and finish each run, in processes that this one forks."""
    with tempfile.TemporaryDirectory() as scratch:
        trainer = Trainer(block.backend, Path(scratch))
        trainer.finish("alone")
        alone = finished_run(Path(scratch) / "alone")
        for number in block.numbers:
            name, counts, wrong = f"run-{number}", Counter[str](), None
            source = random.Random(f"{block.seed}/{number}")  # noqa: S311 - moments, no secrets
            try:
                kill_twice_in_an_epoch(trainer, name, source, counts)
                trainer.finish(name)
                if finished_run(Path(scratch) / name) != alone:
                    wrong = "its files differ from those of the run that was never killed"
            except ValueError as error:  # UserError too: a state that does not load
                wrong = str(error)
            yield KilledRun(
                backend=block.backend, seed=block.seed, number=number, counts=counts, wrong=wrong
            )


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
