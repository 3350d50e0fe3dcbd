"""Tasks on workers of Dask. Importing this module loads it; `measurements.cluster` does so."""

import logging
import socket
import sys
import traceback
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import resource_tracker
from signal import SIG_BLOCK, SIG_SETMASK, SIGINT, pthread_sigmask
from typing import TypeVar

import dask
from distributed import Client, Future, KilledWorker, LocalCluster, as_completed, get_worker
from distributed.utils import silence_logging_cmgr

from cnn_experiment import UserError
from measurements.cluster import ACCEPTED, Done, Workers, attempt, host_and_port

T = TypeVar("T")
R = TypeVar("R")

SECONDS = 5
"""How long a scheduler may take to answer, and to name a first worker."""


@contextmanager
def client_of(workers: Workers, threads: int) -> Iterator[Client]:
    """Connect to the scheduler of a cluster, or start one with worker processes of this machine.

    Raises `UserError` for a cluster that cannot be used.
    """
    with ExitStack() as stack:
        stack.enter_context(silence_logging_cmgr(logging.CRITICAL))
        if workers.address is None:
            local = stack.enter_context(_local_cluster(workers.jobs, threads))
            yield stack.enter_context(Client(local))
            return
        try:
            # Without this, Dask would try again and again where nobody listens.
            socket.create_connection(host_and_port(workers.address), SECONDS).close()
            client = Client(workers.address, timeout=SECONDS)
        except OSError as error:
            raise UserError(
                f"{workers}: no scheduler of Dask answers there ({error}); accepted: {ACCEPTED}"
            ) from error
        stack.enter_context(client)
        try:
            client.wait_for_workers(1, timeout=SECONDS)
        except TimeoutError as error:
            raise UserError(
                f"{workers}: it has no workers; accepted: one or more, each started by"
                f" `dask worker {workers.address} --nthreads 1`"
            ) from error
        yield client


def _local_cluster(jobs: int, threads: int) -> LocalCluster:
    """Start worker processes that do not hear Ctrl-C: this process handles it for all of them.

    They inherit that from the thread that starts them, also those that replace a killed one.
    """
    names = ("OMP", "MKL", "OPENBLAS")  # Dask sets these to 1
    variables = {f"{name}_NUM_THREADS": str(threads) for name in names}
    resource_tracker.ensure_running()  # while it starts, it would let the signal through again
    before = pthread_sigmask(SIG_BLOCK, {SIGINT})
    try:
        # So no other task waits in a worker that is killed, which would count against it.
        with dask.config.set({"distributed.scheduler.worker-saturation": 1.0}):
            return LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                memory_limit=None,  # trainings keep no data with Dask that it could move elsewhere
                dashboard_address="127.0.0.1:0",  # a free port; None would be 8787, for anyone
                scheduler_kwargs={"dashboard": False},
                silence_logs=logging.CRITICAL,
                env=variables | {"TF_NUM_INTRAOP_THREADS": str(threads)},
            )
    finally:
        pthread_sigmask(SIG_SETMASK, before)


def done_by(
    client: Client, work: Callable[[T], R], tasks: Sequence[T], workers: Workers
) -> Generator[Done[T, R], None, None]:
    """Send the tasks, and yield each when it has ended.

    Raises `UserError` if the scheduler is lost.
    """
    sent = client.map(partial(attempt_on_a_worker, work), tasks, pure=False)
    tasks_of: dict[Future, T] = dict(zip(sent, tasks, strict=True))
    del sent
    try:
        ended = as_completed(list(tasks_of), with_results=True, raise_errors=False)
        for future, result in ended:
            task, status = tasks_of.pop(future), future.status
            if status == "cancelled":
                tasks_of.clear()
                raise UserError(
                    f"{workers}: its scheduler is gone; the same command continues, when there is"
                    " one again"
                )
            future.release()  # or Dask would do it again if the worker that holds the result dies
            outcome = (None, _why(*result[:2])) if status == "error" else result
            yield Done(task, *outcome)
    finally:
        if tasks_of and workers.address is not None:
            _leave_alone(client, tasks_of)


def attempt_on_a_worker(work: Callable[[T], R], task: T) -> tuple[R | None, str | None]:
    """Do a task in a worker, which must do one at a time: they change settings of its process."""
    count = get_worker().state.nthreads
    if count != 1:
        return None, f"nthreads = {count}: accepted: workers with --nthreads 1"
    return attempt(work, task)


def _why(kind: type[BaseException], error: BaseException) -> str:
    """Return a sentence for a task that Dask gave up, or that raised what no task should raise."""
    if isinstance(error, KilledWorker):
        return f"its worker was killed, {error.allowed_failures + 1} times"
    traceback.print_exception(error, file=sys.stderr)  # a mistake in this project
    return f"{kind.__name__}: {error}"


def _leave_alone(client: Client, futures: Collection[Future]) -> None:
    """Restart those workers of a cluster that are at these tasks, which nobody waits for now."""
    keys = {future.key for future in futures}
    busy = [worker for worker, at in client.processing().items() if keys & set(at)]
    client.cancel(list(futures))
    if busy:
        client.restart_workers(busy, timeout=SECONDS, raise_for_error=False)
