"""Blocks of runs: each block is done in a new process, and each of its runs becomes a line."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Hashable, Sequence
from contextlib import closing
from operator import attrgetter
from pathlib import Path
from typing import Protocol, TypeVar

from tqdm import tqdm

from cnn_experiment import UserError
from cnn_experiment.value import Value
from measurements.cluster import Workers, results_of
from measurements.json_lines import add_once

_PR_SET_PDEATHSIG = 1
"""Its number in Linux' <sys/prctl.h>."""


class Line(Value):
    """What is known of a run that has ended."""

    @property
    def identity(self) -> Hashable:
        """What the run is repeated by; a file has one line of each."""
        raise NotImplementedError


class Block(Protocol):
    """What a process does."""

    def __str__(self) -> str:
        """Return its name in a sentence about it."""


B = TypeVar("B", bound=Block)
L = TypeVar("L", bound=Line)


def do_blocks(
    work: Callable[[B], Sequence[L]], blocks: Sequence[B], results: Path, workers: Workers
) -> bool:
    """Do the blocks and add their lines; return whether all were done, and print why some not."""
    all_done = True
    with (
        closing(results_of(work, blocks, workers)) as ended,
        tqdm(total=len(blocks), desc="blocks", disable=None) as bar,
    ):
        for block, lines, failure in ended:
            for line in lines or ():
                add_once(results, line, attrgetter("identity"))
            if failure is not None:
                tqdm.write(f"error: {block}: {failure}", file=sys.stderr)
                all_done = False
            bar.update()
    return all_done


def lines_of(module: str, *arguments: object) -> list[str]:
    """Run a module of ours in a new process with one thread, and return the lines that it prints.

    The module calls `ends_with` for the first of its arguments, the number of this process. Raises
    `UserError` if it fails.
    """
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", module, str(os.getpid()), *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,  # Ctrl-C is for the script, which then ends this process
    )
    if done.returncode != 0:
        last = done.stderr.strip().rpartition("\n")[2]
        raise UserError(f"its process ended with status {done.returncode}: {last}")
    return done.stdout.splitlines()


def ends_with(parent: int) -> None:
    """Let Linux kill this process when its parent, or the thread that started it, has ended.

    So it does not outlive a worker that is killed. On other systems it does nothing.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it had ended before
            os.kill(os.getpid(), signal.SIGKILL)
