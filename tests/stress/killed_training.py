"""A training in a process of its own that runs `scripts/train.py`, and can be killed in it.

The process is forked from this one, which has the framework loaded. It tells of each step and each
flush of a save through a pipe, so that a moment to kill it can be chosen.
"""

import contextlib
import os
import random
import runpy
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self, TextIO

from tqdm import tqdm

from cnn_experiment import FolderKeeper, atomic_file, load_pixels, preset
from cnn_experiment.backend import load_backend
from cnn_experiment.data import mnist

TRAIN_SCRIPT = Path(__file__).parents[2] / "scripts" / "train.py"
IMAGES, BATCH, EPOCHS, EVERY = 640, 64, 3, 3
STEPS = IMAGES // BATCH
"""In an epoch."""
FLUSHES = 8
"""In the save after an epoch: file and folder of best, history, latest, and at last the weights."""
PAUSE = 0.01
"""Seconds before and after each flush and rename of a save."""
LONGEST = 120
"""Seconds after which a training that still runs is ended, and counted as wrong."""


@dataclass(frozen=True)
class Moment:
    """When to kill: in a step, or in the first save from that step on, after so many flushes."""

    step: int
    flushes: int
    """0: in the step itself."""
    pause: float
    """Seconds to wait then."""

    @classmethod
    def drawn(cls, step: int, *, in_save: bool, source: random.Random) -> Self:
        """Draw the flush and the pause."""
        flushes = source.randint(1, FLUSHES) if in_save else 0
        return cls(step, flushes, source.uniform(0, 2 * PAUSE if in_save else PAUSE))


class Trainer:
    """Trains in folders below `scratch`; one process at a time."""

    def __init__(self, backend: str, scratch: Path) -> None:
        load_backend(backend)  # once, for all processes
        self.backend, self.scratch = backend, scratch
        experiment = preset("article-2")
        data = experiment.data.with_changes(train_images=IMAGES, test_images=100)
        self.pixels = load_pixels(experiment.with_changes(data=data))

    def finish(self, name: str) -> None:
        """Train to the end; raises `ValueError` where the training does not end well."""
        child, events = self._start(name, slow=False)
        with events:  # open until it has ended, or it could not write
            _, status = os.waitpid(child, 0)
        if status != 0:
            raise ValueError(f"it ended with status {status}: {self._last_words(name)}")

    def kill(self, name: str, moment: Moment) -> int:
        """Train, and kill the process at a moment; return the last step that was done.

        It may be at its end before that moment.
        """
        child, events = self._start(name, slow=True)
        reached, flushes_left = 0, moment.flushes
        with events:
            for line in events:
                word, _, number = line.strip().partition(" ")
                reached = int(number) if word == "step" else reached
                if reached >= moment.step:
                    flushes_left -= word == "flush"
                    if flushes_left <= 0:
                        break
            time.sleep(moment.pause)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            for line in events:  # what it told meanwhile
                word, _, number = line.strip().partition(" ")
                reached = int(number) if word == "step" else reached
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) not in (-signal.SIGKILL, 0):  # 0: it was at its end
            raise ValueError(f"it ended with status {status}: {self._last_words(name)}")
        return reached

    def _last_words(self, name: str) -> str:
        return (self.scratch / f"{name}.txt").read_text().strip().rpartition("\n")[2]

    def _start(self, name: str, *, slow: bool) -> tuple[int, TextIO]:
        """Fork a process that trains; it writes `step N` and `flush` into the returned file."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.close(reading)
                with (self.scratch / f"{name}.txt").open("wb") as words:
                    self._train(name, words, writing, slow=slow)
                status = 0
            except SystemExit as end:
                sys.stderr.write(f"{end}\n")
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        os.close(writing)
        return child, os.fdopen(reading)

    def _train(self, name: str, words: BinaryIO, pipe: int, *, slow: bool) -> None:
        """Be that process: run `scripts/train.py`, which tells of its steps through the pipe."""
        os.dup2(words.fileno(), 1)
        os.dup2(words.fileno(), 2)
        signal.alarm(LONGEST)
        # tqdm's lock is shared with forked processes; one killed in it would stop all later ones.
        tqdm.set_lock(threading.RLock())
        mnist.load_pixels = lambda *_: self.pixels
        tell_of_steps(pipe)
        if slow:
            slow_down_saves(pipe)
        folder = self.scratch / name
        new = ["--preset", "article-2", "--train-images", str(IMAGES), "--test-images", "100"]
        new += ["--epochs", str(EPOCHS), "--out", str(folder)]
        is_begun = (folder / "latest.safetensors").exists()
        options = ["--resume", str(folder)] if is_begun else new
        options += ["--checkpoint-every", str(EVERY), "--device", "cpu"]
        options += (
            [] if name.endswith("0") else ["--plot", "none"]
        )  # in some of the runs, for speed
        sys.argv = ["train.py", "--backend", self.backend, *options]
        runpy.run_path(str(TRAIN_SCRIPT), run_name="__main__")


def tell_of_steps(pipe: int) -> None:
    """From now on write `step N` into the pipe after each step that is trained in this process."""
    is_due = FolderKeeper.is_due

    def telling_is_due(keeper: FolderKeeper, iteration: int) -> bool:
        os.write(pipe, b"step %d\n" % iteration)
        return is_due(keeper, iteration)

    FolderKeeper.is_due = telling_is_due  # type: ignore[method-assign, assignment]


def slow_down_saves(pipe: int) -> None:
    """From now on pause around each flush and rename in this process, and tell of each flush."""
    fsync, replace = os.fsync, Path.replace

    def slow_fsync(file: int) -> None:
        os.write(pipe, b"flush\n")
        time.sleep(PAUSE)
        fsync(file)
        time.sleep(PAUSE)

    def slow_replace(path: Path, target: Path) -> Path:
        time.sleep(PAUSE)
        renamed = replace(path, target)
        time.sleep(PAUSE)
        return renamed

    atomic_file.os.fsync = slow_fsync  # type: ignore[attr-defined]
    Path.replace = slow_replace  # type: ignore[method-assign, assignment]
