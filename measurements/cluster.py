"""Work as tasks of Dask: on the workers of a running cluster, or on processes of this machine.

Dask gives the task of a worker that was killed to another one. A result comes back to the process
that sent the task, which alone writes it down, once. Dask is loaded when it is used, not before.
"""

import argparse
import logging
import socket
import sys
import traceback
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from multiprocessing import resource_tracker
from signal import SIG_BLOCK, SIG_SETMASK, SIGINT, pthread_sigmask
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar
from urllib.parse import urlsplit

from cnn_experiment import UserError
from cnn_experiment.errors import sentence_of
from measurements.child_processes import jobs_of

if TYPE_CHECKING:
    from distributed import Client, Future

T = TypeVar("T")
R = TypeVar("R")

WHO = ("jobs", "cluster")
"""The options that say who does the work."""
SECONDS = 5
"""How long a scheduler may take to answer, and to name a first worker."""
ACCEPTED = "tcp://HOST:PORT, as `dask scheduler` prints it"


class Workers(NamedTuple):
    """Who does the work: this process, several processes of this machine, or a cluster's."""

    jobs: int = 1
    address: str | None = None
    """The address of a cluster's scheduler."""

    @property
    def need_dask(self) -> bool:
        """Whether it is more than this process."""
        return self.jobs > 1 or self.address is not None


class Done(NamedTuple, Generic[T, R]):
    """A task that has ended: with a result, or with a sentence that says why there is none."""

    task: T
    result: R | None
    failure: str | None


def add_worker_options(parser: argparse.ArgumentParser) -> None:
    """Add --jobs and --cluster, which `workers_of` reads."""
    parser.add_argument("--jobs", metavar="N", help="at a time; auto: one a core; default 1")
    parser.add_argument("--cluster", metavar="ADDRESS", help="of a Dask scheduler, tcp://HOST:PORT")


def workers_of(options: argparse.Namespace) -> Workers:
    """Return the workers of --jobs or --cluster; raises `UserError` for what cannot be one."""
    if options.cluster is None:
        return Workers(jobs_of(options.jobs or "1"))
    if options.jobs is not None:
        raise UserError(f"jobs = {options.jobs}: a cluster's workers decide; accepted: no --jobs")
    _host_and_port(options.cluster)
    return Workers(address=options.cluster)


def results_of(
    work: Callable[[T], R], tasks: Sequence[T], workers: Workers, threads: int = 1
) -> Generator[Done[T, R], None, None]:
    """Do the tasks; yield each when it has ended. One that fails does not keep the next ones back.

    Several processes of this machine start with so many threads each. Close the iterator
    (`contextlib.closing`), so that the workers are at rest when it is left early. Raises
    `UserError` for a cluster that cannot be used or is lost.
    """
    if not workers.need_dask:
        for task in tasks:
            yield Done(task, *_attempt(work, task))
    elif tasks:
        with _client_of(workers, threads) as client:
            yield from _done_by(client, work, tasks, workers)


def _attempt(work: Callable[[T], R], task: T) -> tuple[R | None, str | None]:
    """Return the result and no sentence, or a sentence and no result."""
    try:
        return work(task), None
    except UserError as error:
        return None, str(error)
    except OSError as error:
        return None, sentence_of(error)


def _attempt_on_a_worker(work: Callable[[T], R], task: T) -> tuple[R | None, str | None]:
    """Do the same in a worker process. It must do one task at a time: they change the process."""
    from distributed import get_worker

    count = get_worker().state.nthreads
    if count != 1:
        return None, f"nthreads = {count}: accepted: workers with --nthreads 1"
    return _attempt(work, task)


def _done_by(
    client: "Client", work: Callable[[T], R], tasks: Sequence[T], workers: Workers
) -> Generator[Done[T, R], None, None]:
    from distributed import as_completed

    sent = client.map(partial(_attempt_on_a_worker, work), tasks, pure=False)
    tasks_of: dict[Future, T] = dict(zip(sent, tasks, strict=True))
    del sent
    try:
        ended = as_completed(list(tasks_of), with_results=True, raise_errors=False)
        for future, result in ended:
            task, status = tasks_of.pop(future), future.status
            if status == "cancelled":
                tasks_of.clear()
                raise UserError(
                    f"cluster = {workers.address}: its scheduler is gone; the same command"
                    " continues, when there is one again"
                )
            future.release()  # or Dask would do it again if the worker that holds the result dies
            outcome = (None, _why(*result[:2])) if status == "error" else result
            yield Done(task, *outcome)
    finally:
        if tasks_of and workers.address is not None:
            _leave_alone(client, tasks_of)


def _why(kind: type[BaseException], error: BaseException) -> str:
    """Return a sentence for a task that Dask gave up, or that raised what no task should raise."""
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        return f"{error.allowed_failures + 1} workers were killed while they did it"
    traceback.print_exception(error, file=sys.stderr)  # a mistake in this project
    return f"{kind.__name__}: {error}"


def _leave_alone(client: "Client", futures: Collection["Future"]) -> None:
    """Restart those workers of a cluster that are at these tasks, which nobody waits for now."""
    keys = {future.key for future in futures}
    busy = [worker for worker, at in client.processing().items() if keys & set(at)]
    client.cancel(list(futures))
    if busy:
        client.restart_workers(busy, timeout=SECONDS, raise_for_error=False)


@contextmanager
def _client_of(workers: Workers, threads: int) -> Iterator["Client"]:
    option = f"jobs = {workers.jobs}" if workers.address is None else f"cluster = {workers.address}"
    if find_spec("distributed") is None:
        raise UserError(f"{option}: Dask is not installed here; pip install '.[cluster]'")
    from distributed import Client
    from distributed.utils import silence_logging_cmgr

    with ExitStack() as stack:
        stack.enter_context(silence_logging_cmgr(logging.CRITICAL))
        if workers.address is None:
            local = stack.enter_context(_local_cluster(workers.jobs, threads))
            yield stack.enter_context(Client(local))
            return
        try:
            # Without this, Dask would try again and again where nobody listens.
            socket.create_connection(_host_and_port(workers.address), SECONDS).close()
            client = Client(workers.address, timeout=SECONDS)
        except OSError as error:
            raise UserError(
                f"{option}: no scheduler of Dask answers there ({error}); accepted: {ACCEPTED}"
            ) from error
        stack.enter_context(client)
        try:
            client.wait_for_workers(1, timeout=SECONDS)
        except TimeoutError as error:
            raise UserError(
                f"{option}: it has no workers; accepted: one or more, each started by"
                f" `dask worker {workers.address} --nthreads 1`"
            ) from error
        yield client


def _host_and_port(address: str) -> tuple[str, int]:
    try:
        parts = urlsplit(address)
        if parts.scheme == "tcp" and parts.hostname and parts.port and not parts.path:
            return parts.hostname, parts.port
    except ValueError:  # of a port that is no number
        pass
    raise UserError(f"cluster = {address!r}: accepted: {ACCEPTED}")


def _local_cluster(jobs: int, threads: int) -> Any:
    """Start worker processes that do not hear Ctrl-C: this process handles it for all of them.

    They inherit that from the thread that starts them, also those that replace a killed one.
    """
    import dask
    from distributed import LocalCluster

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
