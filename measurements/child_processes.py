"""Trainings in child processes, which share the cores and are stopped together."""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import ParamSpec

from joblib import cpu_count

from cnn_experiment import Stopped, UserError
from cnn_experiment.command_line import errors_as_one_sentence

P = ParamSpec("P")

STOPPED = 130
"""The exit status of a training that was asked to stop and has saved its state."""


def jobs_of(text: str) -> int:
    """Return the number of jobs at a time; `auto` is one a core.

    Raises `UserError` for other words and for numbers below 1.
    """
    if text == "auto":
        return cores()
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"jobs = {text}: accepted: 1 or more, or auto")
    return int(text)


def cores() -> int:
    """Return how many cores this process may use, with a container's quota of their time."""
    count: int = cpu_count()
    return count


def share_cores(count: int, at_most: int | None = None) -> int:
    """Give each of `count` child processes its share of the cores; return its number of threads.

    `at_most` limits that number, to leave cores to other work. It sets environment variables of
    this process, which child processes inherit and both frameworks read when they are imported.
    """
    share = max(1, cores() // count)
    threads = share if at_most is None else min(share, at_most)
    os.environ["OMP_NUM_THREADS"] = os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    return threads


@contextmanager
def stopping_as_one_sentence(
    sentence: str = "stopped; the same command continues",
) -> Iterator[None]:
    """Stop the work on SIGTERM and on Ctrl-C with one sentence and exit status 130."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write(f"{sentence}\n")
        sys.exit(STOPPED)


def start(
    under_way: list[BaseProcess], work: Callable[P, None], *args: P.args, **kwargs: P.kwargs
) -> BaseProcess:
    """Start a child process that calls `work`, and add it to `under_way`.

    The child ignores Ctrl-C: this process handles it for all children.
    """
    process = get_context("spawn").Process(target=work, args=args, kwargs=kwargs)
    under_way.append(process)
    caught: list[int] = []
    handlers = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),  # the process inherits it
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda number, _: caught.append(number)),
    }
    try:
        process.start()  # a signal must not interrupt this half-way
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if caught:
        os.kill(os.getpid(), signal.SIGTERM)
    return process


def ended(under_way: list[BaseProcess]) -> list[BaseProcess]:
    """Wait until some processes have ended; remove them from `under_way` and return them."""
    wait([process.sentinel for process in under_way])
    done = [process for process in under_way if not process.is_alive()]
    for process in done:
        under_way.remove(process)
    return done


def has_finished(process: BaseProcess) -> bool:
    """Return whether an ended process has finished its work. If not, an error is printed.

    For exit status 1 the process has printed the error itself.
    """
    if process.exitcode == STOPPED:
        sys.stderr.write("error: a training was stopped; the same command continues\n")
    elif process.exitcode not in (0, 1):
        sys.stderr.write(f"error: a training ended with status {process.exitcode}\n")
    return process.exitcode == 0


def stop(under_way: Iterable[BaseProcess]) -> None:
    """Ask all processes to stop, which they do after they have saved their state; wait for them."""
    running = [process for process in under_way if process.pid is not None]
    for process in running:
        process.terminate()
    for process in running:
        process.join()


@contextmanager
def ends_as_a_child(name: str) -> Iterator[None]:
    """End a child process with one sentence if its work fails, with `STOPPED` if it is stopped."""
    with errors_as_one_sentence(name):
        try:
            yield
        except Stopped:
            sys.exit(STOPPED)
