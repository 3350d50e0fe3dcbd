"""Contestants that train in turns, each in a process of its own, alone or beside other work."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from cnn_experiment import UserError
from measurements.peers.process import ContestantProcess, Entry

PAUSE = 0.3
"""Seconds before each turn, so that the threads of the last contestant go to sleep."""

_BUSY = """
import ctypes, signal
if hasattr(ctypes.CDLL(None), "prctl"):  # Linux: be killed as soon as the parent has ended
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
signal.raise_signal(signal.SIGSTOP)
while True:
    pass
"""


class Contest(NamedTuple):
    """The stopped processes of the contestants, and how long their turns took."""

    processes: Mapping[str, ContestantProcess]
    seconds: Mapping[tuple[str, int], NDArray[np.float64]]
    """Of each round, by contestant and number of busy processes beside it."""


def contest(entries: Mapping[str, Entry], rounds: int, loads: Sequence[int] = (0,)) -> Contest:
    """Let all contestants take a turn under each load in each round, in random order.

    A load is a number of busy processes beside the contestant.
    """
    processes: dict[str, ContestantProcess] = {}
    seconds: dict[tuple[str, int], list[float]] = {(n, load): [] for load in loads for n in entries}
    source = np.random.RandomState(0)
    keys = list(seconds)
    turns = [keys[number] for _ in range(rounds) for number in source.permutation(len(keys))]
    with ExitStack() as stack:
        for name, entry in tqdm(entries.items(), desc="start", leave=False, disable=None):
            processes[name] = ContestantProcess(entry)
            stack.callback(processes[name].stop)
        busy = stack.enter_context(busy_processes(max(loads)))
        for name, load in tqdm(turns, desc="turns", leave=False, disable=None):
            with beside(busy[:load]):
                time.sleep(PAUSE)
                seconds[name, load].append(processes[name].seconds_of_a_turn())
    return Contest(processes, {key: np.array(values) for key, values in seconds.items()})


@contextmanager
def busy_processes(count: int) -> Iterator[list[int]]:
    """Start processes that compute as long as they are let, and halt them; yield their numbers.

    On Linux they end with this process, however it ends. Raises `UserError` if one has ended by
    itself: the load would then have been smaller than told.
    """
    with ExitStack() as stack:
        processes = []
        for _ in range(count):
            command = [sys.executable, "-c", _BUSY]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
            stack.callback(process.wait)
            stack.callback(process.kill)
            os.waitpid(process.pid, os.WUNTRACED)  # until it has halted itself
            processes.append(process)
        yield [process.pid for process in processes]
        if any(process.poll() is not None for process in processes):
            raise UserError("a busy process ended early; accepted: that all stay to the end")


@contextmanager
def beside(busy: Sequence[int]) -> Iterator[None]:
    """Let these processes compute for as long as the context lasts."""
    for number in busy:
        os.kill(number, signal.SIGCONT)
    try:
        yield
    finally:
        for number in busy:
            os.kill(number, signal.SIGSTOP)
