"""Do the trainings of a study that its results do not have yet, several at a time."""

import socket
import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from multiprocessing.process import BaseProcess
from operator import attrgetter

from tqdm import tqdm

from cnn_experiment import UserError, load_pixels
from cnn_experiment.backend import load_backend
from cnn_experiment.command_line import must_be_a_folder
from measurements.accuracy.job import Job, Trained, train
from measurements.accuracy.runs import CONTESTANTS, Contestant, finished, read_runs
from measurements.child_processes import (
    ends_as_a_child,
    has_finished,
    share_cores,
    start,
    stop,
)
from measurements.cluster import Workers, results_of
from measurements.json_lines import add_once, must_be_a_file_of_lines

Ended = Generator[tuple[Job, bool], None, None]
"""Trainings as they end, and whether each has finished."""


def contestants_of(text: str) -> tuple[Contestant, ...]:
    """Return the contestants named in a text such as `keras,torch`, each once."""
    known: dict[str, Contestant] = {name: name for name in CONTESTANTS}
    names = dict.fromkeys(text.split(","))
    if not names.keys() <= known.keys():
        raise UserError(f"contestants = {text!r}: accepted: {', '.join(known)}")
    return tuple(known[name] for name in names)


def train_missing(jobs: Sequence[Job], workers: Workers, *, threads: int | None = None) -> bool:
    """Do the trainings that their results do not have, with at most `threads` threads each.

    The jobs have the same places. On a cluster each has one thread. Returns whether all trainings
    have finished. Raises `UserError` for settings that are not valid, before the first training
    starts.
    """
    for job in jobs:
        _ = job.experiment  # raises `UserError` if it is not valid
    places = jobs[0].places
    must_be_a_file_of_lines(places.results, "results")
    must_be_a_folder(places.runs, "runs")
    must_be_a_folder(places.data_dir, "data_dir")
    done = {run.identity for run in read_runs(places.results)}
    missing = [job for job in jobs if job.identity not in done]
    if workers.address is not None:  # what is installed there, its workers say
        return train_all(missing, workers, threads=1)
    for job in missing:
        must_be_installed(job)
    for name in {job.backend_name for job in missing if job.device == "cuda"}:
        load_backend(name).pick_device("cuda")  # raises `UserError` if it is not there
    if missing:
        load_pixels(missing[0].experiment, places.data_dir)  # downloads once, not in each process
    return train_all(missing, workers, share_cores(workers.jobs, threads))


def must_be_installed(job: Job) -> None:
    """Raise `UserError` for a contestant whose framework is not installed."""
    for package in job.packages:
        if find_spec(package) is None:
            raise UserError(
                f"contestants = {job.contestant}: {package} is not installed here; pip install"
                " '.[torch]' or '.[keras]'"
            )


def train_all(jobs: Sequence[Job], workers: Workers, threads: int) -> bool:
    """Train, and print a line for each run that has finished; return whether all have."""
    trained = trained_by(workers, jobs, threads) if workers.need_dask else one_by_one(jobs, threads)
    all_have_finished = True
    with closing(trained), tqdm(total=len(jobs), desc="runs", disable=None) as bar:
        for job, has_succeeded in trained:
            all_have_finished &= has_succeeded
            for line in last_epochs_of(job):
                bar.write(line, file=sys.stdout)
            sys.stdout.flush()
            bar.update()
    return all_have_finished


def one_by_one(jobs: Sequence[Job], threads: int) -> Ended:
    """Train each run in a child process of its own; yield it, and whether it has finished."""
    running: list[BaseProcess] = []
    try:
        for job in jobs:
            process = start(running, train_in_a_process, job, threads)
            process.join()
            running.remove(process)
            yield job, has_finished(process)
    finally:
        stop(running)


def train_in_a_process(job: Job, threads: int) -> None:
    """Train a run and add its line: the work of a child process."""
    with ends_as_a_child(job.folder.name):
        trained = train(job, threads)
        add_once(job.places.results, trained.run, attrgetter("identity"))
        if trained.why_diverged is not None:
            raise UserError(trained.why_diverged)


def trained_by(workers: Workers, jobs: Sequence[Job], threads: int) -> Ended:
    """Train on workers of Dask; add the line of each run, and yield it as `one_by_one` does."""
    by_host = workers.address is not None
    work = partial(train_on_a_worker, threads=threads, by_host=by_host)
    with closing(results_of(work, jobs, workers, threads)) as all_done:
        for job, trained, failure in all_done:
            if trained is not None:
                add_once(job.places.results, trained.run, attrgetter("identity"))
                failure = trained.why_diverged
            if failure is not None:
                tqdm.write(f"error: {job.folder.name}: {failure}", file=sys.stderr)
            yield job, failure is None


def train_on_a_worker(job: Job, threads: int, *, by_host: bool) -> Trained:
    """Train a run, which goes on if another worker of this machine had begun it.

    Machines may share their files: `by_host` keeps what each has begun in a folder of its own.
    """
    if by_host:
        runs = job.places.runs / socket.gethostname()
        job = job._replace(places=job.places._replace(runs=runs))
    return train(job, threads)


def last_epochs_of(job: Job) -> list[str]:
    """Return the loss and accuracy that the run has reached, as text, if it has finished."""
    return [
        f"{job.folder.name}: val_loss {run.val_loss[-1]}, val_accuracy {run.val_accuracy[-1]}"
        for run in finished(read_runs(job.places.results))
        if run.identity == job.identity
    ]
