"""A training in a child process that runs `scripts/train.py`, and can be killed at a chosen moment.

The process is forked from this one, which has loaded the framework. It reports each step and each
flush of a save through a pipe.
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
from measurements.blocks import ends_with

TRAIN_SCRIPT = Path(__file__).parents[2] / "scripts" / "train.py"
IMAGES, BATCH, EPOCHS, EVERY = 640, 64, 3, 3
STEPS = IMAGES // BATCH
"""The number of steps in an epoch."""
FLUSHES = 8
"""Flushes in the save after an epoch: file and folder of best, history, latest, and weights."""
PAUSE = 0.01
"""Seconds before and after each flush and rename of a save."""
LONGEST = 120
"""Seconds after which a training that still runs is killed, and counted as wrong."""


@dataclass(frozen=True)
class Moment:
    """When to kill: in a step, or in the first save after it, after a number of flushes."""

    step: int
    flushes: int
    """0 for a kill in the step itself."""
    pause: float
    """Seconds to wait before the kill."""

    @classmethod
    def drawn(cls, step: int, *, in_save: bool, source: random.Random) -> Self:
        """Return a random moment for this step."""
        flushes = source.randint(1, FLUSHES) if in_save else 0
        return cls(step, flushes, source.uniform(0, 2 * PAUSE if in_save else PAUSE))


class Trainer:
    """Trains in folders below `scratch`; one process at a time."""

    def __init__(self, backend: str, scratch: Path) -> None:
        load_backend(backend)  # loads the framework once, for all processes
        self.backend, self.scratch = backend, scratch
        experiment = preset("article-2")
        data = experiment.data.with_changes(train_images=IMAGES, test_images=100)
        self.pixels = load_pixels(experiment.with_changes(data=data))

    def finish(self, name: str) -> None:
        """Train to the end; raises `ValueError` if the training fails."""
        child, events = self._start(name, slow=False)
        with events:  # open until the process has ended, since it writes there
            _, status = os.waitpid(child, 0)
        if status != 0:
            raise ValueError(f"it ended with status {status}: {self._last_words(name)}")

    def kill(self, name: str, moment: Moment) -> int:
        """Train, and kill the process at a moment; return the last step that it has done.

        The process may have ended before that moment.
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
            for line in events:  # what it reported in the meantime
                word, _, number = line.strip().partition(" ")
                reached = int(number) if word == "step" else reached
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) not in (-signal.SIGKILL, 0):  # 0: it had ended before
            raise ValueError(f"it ended with status {status}: {self._last_words(name)}")
        return reached

    def _last_words(self, name: str) -> str:
        """Return the last line that a training has printed."""
        return (self.scratch / f"{name}.txt").read_text().strip().rpartition("\n")[2]

    def _start(self, name: str, *, slow: bool) -> tuple[int, TextIO]:
        """Fork a process that trains; it writes `step N` and `flush` into the returned file."""
        reading, writing = os.pipe()
        parent, child = os.getpid(), os.fork()
        if child == 0:
            status = 1
            try:
                ends_with(parent)
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
        """Run `scripts/train.py` in this process, which reports its steps through the pipe."""
        os.dup2(words.fileno(), 1)
        os.dup2(words.fileno(), 2)
        signal.alarm(LONGEST)
        # tqdm's lock is shared with forked processes; one killed in it would stop all later ones.
        tqdm.set_lock(threading.RLock())
        mnist.load_pixels = lambda *_: self.pixels
        report_steps(pipe)
        if slow:
            slow_down_saves(pipe)
        folder = self.scratch / name
        new = ["--preset", "article-2", "--train-images", str(IMAGES), "--test-images", "100"]
        new += ["--epochs", str(EPOCHS), "--out", str(folder)]
        is_begun = (folder / "latest.safetensors").exists()
        options = ["--resume", str(folder)] if is_begun else new
        options += ["--checkpoint-every", str(EVERY), "--device", "cpu"]
        if not name.endswith("0"):  # most runs draw no curves, which saves time
            options += ["--plot", "none"]
        sys.argv = ["train.py", "--backend", self.backend, *options]
        runpy.run_path(str(TRAIN_SCRIPT), run_name="__main__")


def report_steps(pipe: int) -> None:
    """Make this process write `step N` into the pipe after each training step."""
    is_due = FolderKeeper.is_due

    def reporting_is_due(keeper: FolderKeeper, iteration: int) -> bool:
        os.write(pipe, b"step %d\n" % iteration)
        return is_due(keeper, iteration)

    FolderKeeper.is_due = reporting_is_due  # type: ignore[method-assign, assignment]


def slow_down_saves(pipe: int) -> None:
    """Make this process pause around each flush and rename, and report each flush."""
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
