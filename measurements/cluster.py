"""Tasks that several processes of this machine do, or the workers of a running cluster, by Dask.

Dask gives the task of a worker that was killed to another one. A result comes back to the process
that sent the task, which alone writes it down, once. Dask is loaded when it is used, not before.
"""

import argparse
from collections.abc import Callable, Generator, Sequence
from importlib.util import find_spec
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import urlsplit

from cnn_experiment import UserError
from cnn_experiment.errors import sentence_of
from measurements.child_processes import jobs_of

T = TypeVar("T")
R = TypeVar("R")

WHO = ("jobs", "cluster")
"""The options that say who does the work."""
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

    def __str__(self) -> str:
        return f"jobs = {self.jobs}" if self.address is None else f"cluster = {self.address}"


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
    host_and_port(options.cluster)
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
            yield Done(task, *attempt(work, task))
    elif tasks:
        if find_spec("distributed") is None:
            raise UserError(f"{workers}: Dask is not installed here; pip install '.[cluster]'")
        from measurements.dask_tasks import client_of, done_by

        needed = workers._replace(jobs=min(workers.jobs, len(tasks)))
        with client_of(needed, threads) as client:
            yield from done_by(client, work, tasks, workers)


def attempt(work: Callable[[T], R], task: T) -> tuple[R | None, str | None]:
    """Return the result and no sentence, or a sentence and no result."""
    try:
        return work(task), None
    except UserError as error:
        return None, str(error)
    except OSError as error:
        return None, sentence_of(error)


def host_and_port(address: str) -> tuple[str, int]:
    """Return the parts of a scheduler's address; raises `UserError` for what cannot be one."""
    try:
        parts = urlsplit(address)
        if parts.scheme == "tcp" and parts.hostname and parts.port and not parts.path:
            return parts.hostname, parts.port
    except ValueError:  # of a port that is no number
        pass
    raise UserError(f"cluster = {address!r}: accepted: {ACCEPTED}")
