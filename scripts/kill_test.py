"""Kill trainings at random moments, resume each until it is done, and compare with one left alone.

    python scripts/kill_test.py --backend torch --runs 200 --out results/kill_test_torch.json

Each training is a process of its own that does what `scripts/train.py` does, on real images, and
is ended with SIGKILL: half of the kills fall into a step, half into a save, which is slowed down
for it around each flush and rename. After every kill the folder must hold a state that loads (or
none, where not even the first was kept). A run is resumed and killed until two kills fell into one
epoch; then it may finish. Its files, but for the seconds in them, must be those of the run that was
left alone, bit for bit: weights, optimizer state and history, latest and best. Exit status: 0 where
all were.
"""

import argparse
import contextlib
import csv
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

IMAGES, BATCH, EPOCHS, EVERY = 640, 64, 3, 3
STEPS = IMAGES // BATCH
PAUSE = 0.01
"""Seconds before and after each flush and rename of a save."""
HANG = 120
"""Seconds after which a training that still runs is ended, and counted as wrong."""
FLUSHES = 8
"""In the save after an epoch: file and folder of best, history, latest, and at last the weights."""


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backend", choices=("torch", "keras"), default="torch")
    parser.add_argument("--runs", type=int, default=200, metavar="N", help="default 200")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the moments")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the counts as JSON")
    return parser.parse_args()


def main() -> None:
    """Run the trainings; exit with 1 where one of them is not what it should be."""
    options = arguments()
    os.environ["OMP_NUM_THREADS"] = os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
    from cnn_experiment import UserError

    try:
        if options.runs < 1:
            raise UserError(f"runs = {options.runs}: accepted: 1 or more")
        sys.exit(kill_runs(options))
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")


def kill_runs(options: argparse.Namespace) -> int:
    """Kill and compare; return the exit status."""
    from tqdm import tqdm

    from cnn_experiment.atomic_file import write_atomically

    source = random.Random(options.seed)  # noqa: S311 - moments, no secrets
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        trainer = Trainer(options.backend, Path(scratch))
        alone = trainer.finish("alone")
        for number in tqdm(range(options.runs), desc="runs", disable=None):
            name = f"run-{number}"
            try:
                kill_twice_in_an_epoch(trainer, name, source, counts)
                if trainer.finish(name) != alone:
                    wrong.append(f"{name}: it ends otherwise than the run that was left alone")
            except ValueError as error:  # UserError too: a state that does not load
                wrong.append(f"{name}: {error}")
    result = {"backend": options.backend, "runs": options.runs, **counts, "wrong": wrong}
    print(json.dumps(result, indent=2))
    if options.out is not None:
        write_atomically(options.out, (json.dumps(result, indent=2) + "\n").encode())
    return 1 if wrong else 0


def kill_twice_in_an_epoch(
    trainer: "Trainer", name: str, source: random.Random, counts: Counter[str]
) -> None:
    """Train and kill, and again from what was kept, until two kills fell into the same epoch."""
    kills: Counter[int] = Counter()
    while not kills or max(kills.values()) < 2:
        kept = trainer.kept(name)
        begin = 0 if kept is None else kept.iteration
        epoch = begin // STEPS
        first_kill = not kills
        last = EPOCHS * STEPS if first_kill else (epoch + 1) * STEPS
        in_save = source.random() < 0.5
        step = source.randint(begin + (not in_save), max(begin + 1, min(last, EPOCHS * STEPS)))
        reached, unfinished_file = trainer.kill(name, step, in_save=in_save, source=source)
        if trainer.is_done(name):
            counts["kills that came too late"] += 1  # the run is no use, and begins anew
            shutil.rmtree(trainer.scratch / name)
            kills.clear()
            continue
        kills[max(reached - 1, 0) // STEPS] += 1
        counts["kills"] += 1
        counts["kills in a save" if in_save else "kills in a step"] += 1
        counts["files left unfinished"] += unfinished_file
        if trainer.kept(name) is None:  # reads the state, if there is one
            counts["kills before the first state"] += 1
        if sum(kills.values()) > 20:
            raise ValueError("it was killed 20 times without two kills in one epoch")


class Trainer:
    """Trains in processes of its own, forked from this one, which has the framework loaded."""

    def __init__(self, backend: str, scratch: Path) -> None:
        from backends import load_backend  # scripts/backends.py, beside this file

        import cnn_experiment

        load_backend(backend)
        self.backend, self.scratch = backend, scratch
        experiment = cnn_experiment.preset("article-2")
        data = experiment.data.with_changes(train_images=IMAGES, test_images=100)
        self.digits = cnn_experiment.load_mnist(experiment.with_changes(data=data))

    def finish(self, name: str) -> Any:
        """Train to the end; return what the run has come to, its seconds left out."""
        child, _ = self._start(name, slow=False)
        _, status = os.waitpid(child, 0)
        if status != 0:
            raise ValueError(f"it ended with status {status}: {self._last_words(name)}")
        return self.result(name)

    def is_done(self, name: str) -> bool:
        """Whether the run has written all of its files."""
        return (self.scratch / name / "weights.safetensors").exists()

    def result(self, name: str) -> Any:
        """What is in the files of a finished run, its seconds left out."""
        from cnn_experiment import read_checkpoint

        folder = self.scratch / name
        rows = list(csv.DictReader((folder / "history.csv").open()))
        found: list[Any] = [(folder / "weights.safetensors").read_bytes()]
        found += [[{k: v for k, v in row.items() if k != "seconds"} for row in rows]]
        for kept in ("latest", "best"):
            state = read_checkpoint(folder / f"{kept}.safetensors")
            found += [
                state.epoch,
                {name: array.tobytes() for name, array in state.weights.items()},
                {name: array.tobytes() for name, array in state.optimizer_state.items()},
                [record.model_dump(exclude={"seconds"}) for record in state.history],
            ]
        return found

    def _last_words(self, name: str) -> str:
        return (self.scratch / f"{name}.txt").read_text().strip().rpartition("\n")[2]

    def kept(self, name: str) -> Any:
        """The state that the run's folder holds, or None; raises `UserError` for a broken one."""
        from cnn_experiment import RunFolder

        folder = RunFolder(self.scratch / name)
        return folder.read() if folder.latest_file.exists() else None

    def kill(
        self, name: str, step: int, *, in_save: bool, source: random.Random
    ) -> tuple[int, bool]:
        """Kill a training in a step, or in a save from it on, somewhere between its flushes.

        Returns the last step that was done, and whether a file was left unfinished.
        """
        child, events = self._start(name, slow=True)
        reached, flushes_left = 0, source.randint(1, FLUSHES) if in_save else 0
        with events:
            for line in events:
                word, _, number = line.strip().partition(" ")
                reached = int(number) if word == "step" else reached
                if reached >= step:
                    flushes_left -= word == "flush"
                    if flushes_left <= 0:
                        break
            time.sleep(source.uniform(0, 2 * PAUSE if in_save else PAUSE))
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            for line in events:  # what it had said meanwhile
                word, _, number = line.strip().partition(" ")
                reached = int(number) if word == "step" else reached
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) not in (-signal.SIGKILL, 0):  # 0: it came too late
            raise ValueError(f"it ended with status {status}: {self._last_words(name)}")
        return reached, any((self.scratch / name).glob(".*.partial"))

    def _start(self, name: str, *, slow: bool) -> tuple[int, Any]:
        """Fork a process that trains; it writes `step N` and `flush` into the returned file."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.close(reading)
                with (self.scratch / f"{name}.txt").open("w") as words:
                    os.dup2(words.fileno(), 1)
                    os.dup2(words.fileno(), 2)
                self._train(name, writing, slow=slow)
                status = 0
            except SystemExit as end:
                print(end, file=sys.stderr)
            finally:
                sys.stderr.flush()
                os._exit(status)
        os.close(writing)
        return child, os.fdopen(reading)

    def _train(self, name: str, pipe: int, *, slow: bool) -> None:
        """Be that process: call `scripts/train.py`, with ears in it."""
        import train
        from tqdm import tqdm

        import cnn_experiment
        from cnn_experiment import FolderKeeper, atomic_file

        signal.alarm(HANG)
        # tqdm's lock is shared with forked processes; one killed in it would stop all later ones.
        tqdm.set_lock(threading.RLock())
        cnn_experiment.load_mnist = lambda *_: self.digits
        is_due, fsync, replace = FolderKeeper.is_due, os.fsync, Path.replace

        def heard_is_due(keeper: Any, iteration: int) -> bool:
            os.write(pipe, b"step %d\n" % iteration)
            return bool(is_due(keeper, iteration))

        def slow_fsync(file: int) -> None:
            os.write(pipe, b"flush\n")
            time.sleep(PAUSE)
            fsync(file)
            time.sleep(PAUSE)

        def slow_replace(path: Path, target: Path) -> Path:
            time.sleep(PAUSE)
            found = replace(path, target)
            time.sleep(PAUSE)
            return found

        FolderKeeper.is_due = heard_is_due  # type: ignore[method-assign, assignment]
        if slow:
            atomic_file.os.fsync = slow_fsync  # type: ignore[attr-defined]
            Path.replace = slow_replace  # type: ignore[method-assign, assignment]
        folder = self.scratch / name
        new = ["--preset", "article-2", "--train-images", str(IMAGES), "--test-images", "100"]
        new += ["--epochs", str(EPOCHS), "--out", str(folder)]
        known = (folder / "latest.safetensors").exists()
        what = ["--resume", str(folder)] if known else new
        often = ["--checkpoint-every", str(EVERY), "--device", "cpu"]
        often += [] if name.endswith("0") else ["--plot", "none"]  # in some of the runs, for speed
        sys.argv = ["train.py", "--backend", self.backend, *what, *often]
        train.main()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
