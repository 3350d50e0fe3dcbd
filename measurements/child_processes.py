"""Trainings in processes of their own, which share the cores and can be stopped together."""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import ParamSpec

from cnn_experiment import Stopped, UserError
from cnn_experiment.errors import sentence_of
from cnn_experiment.machine import Machine

P = ParamSpec("P")

STOPPED = 130
"""The exit status of a training that was asked to stop and has kept its state."""


def share_cores(count: int) -> int:
    """Give each of `count` processes its share of the cores; return the threads of one.

    It sets what both frameworks read as they are imported, in the environment of this process,
    which those that it starts from now on take over.
    """
    threads = max(1, Machine.this().cores // count)
    os.environ["OMP_NUM_THREADS"] = os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    return threads


@contextmanager
def stopping_as_one_sentence() -> Iterator[None]:
    """Let SIGTERM stop the work as Ctrl-C does; then say so, and end with status 130."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command goes on\n")
        sys.exit(STOPPED)


def start(
    under_way: list[BaseProcess], work: Callable[P, None], *args: P.args, **kwargs: P.kwargs
) -> BaseProcess:
    """Start a process that does the work, and add it to those under way.

    It ignores Ctrl-C, which its parent answers for all of them.
    """
    process = get_context("spawn").Process(target=work, args=args, kwargs=kwargs)
    under_way.append(process)
    caught: list[int] = []
    handlers = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),  # the process inherits it
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda number, _: caught.append(number)),
    }
    try:
        process.start()  # which a signal must not interrupt half-way
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if caught:
        os.kill(os.getpid(), signal.SIGTERM)
    return process


def ended(under_way: list[BaseProcess]) -> list[BaseProcess]:
    """Wait until some processes have ended; take them out of those under way, and return them."""
    wait([process.sentinel for process in under_way])
    done = [process for process in under_way if not process.is_alive()]
    for process in done:
        under_way.remove(process)
    return done


def has_finished(process: BaseProcess) -> bool:
    """Whether an ended process has done its work; if not, it says why, or this does."""
    if process.exitcode == STOPPED:
        sys.stderr.write("error: a training was stopped; the same command goes on\n")
    elif process.exitcode not in (0, 1):
        sys.stderr.write(f"error: a training ended with status {process.exitcode}\n")
    return process.exitcode == 0


def stop(under_way: Iterable[BaseProcess]) -> None:
    """Ask all to stop, which a `FolderKeeper` does with its state kept, and wait for them."""
    running = [process for process in under_way if process.pid is not None]
    for process in running:
        process.terminate()
    for process in running:
        process.join()


@contextmanager
def ends_as_a_child(name: str) -> Iterator[None]:
    """In a process of its own: end it with one sentence about its work, or with `STOPPED`."""
    try:
        yield
    except UserError as error:
        sys.exit(f"error: {name}: {error}")
    except OSError as error:
        sys.exit(f"error: {name}: {sentence_of(error)}")
    except Stopped:
        sys.exit(STOPPED)
