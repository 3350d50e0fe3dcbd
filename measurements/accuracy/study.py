"""Do the trainings of a study that its results do not have yet, several at a time."""

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from multiprocessing.process import BaseProcess

from tqdm import tqdm

from cnn_experiment import UserError, load_pixels
from cnn_experiment.backend import load_backend
from cnn_experiment.command_line import must_be_a_folder
from measurements.accuracy.job import Job, train
from measurements.accuracy.runs import CONTESTANTS, Contestant, finished, read_runs
from measurements.child_processes import (
    STOPPED,
    ended,
    ends_as_a_child,
    has_finished,
    share_cores,
    start,
    stop,
)
from measurements.json_lines import must_be_a_file_of_lines


def contestants_of(text: str) -> tuple[Contestant, ...]:
    """Return the contestants named in a text such as `keras,torch`, each once."""
    known: dict[str, Contestant] = {name: name for name in CONTESTANTS}
    names = dict.fromkeys(text.split(","))
    if not names.keys() <= known.keys():
        raise UserError(f"contestants = {text!r}: accepted: {', '.join(known)}")
    return tuple(known[name] for name in names)


def train_missing(
    jobs: Sequence[Job], *, at_a_time: int, threads: int | None = None, in_turn: int = 1
) -> bool:
    """Do the trainings that their results do not have, with at most `threads` threads each.

    The jobs have the same places. A process does `in_turn` of them, one after another. Returns
    whether all trainings have finished. Raises `UserError` for settings that are not valid, before
    the first training starts.
    """
    for job in jobs:
        _ = job.experiment  # raises `UserError` if it is not valid
    places = jobs[0].places
    must_be_a_file_of_lines(places.results, "results")
    must_be_a_folder(places.runs, "runs")
    must_be_a_folder(places.data_dir, "data_dir")
    done = {run.identity for run in read_runs(places.results)}
    missing = [job for job in jobs if job.identity not in done]
    for job in missing:
        must_be_installed(job)
        if in_turn > 1 and job.contestant == "torch-stock-rmsprop":
            raise UserError(
                f"in_turn = {in_turn}: {job.contestant} changes its process; accepted: 1"
            )
    for name in {job.backend_name for job in missing if job.device == "cuda"}:
        load_backend(name).pick_device("cuda")  # raises `UserError` if it is not there
    if missing:
        load_pixels(missing[0].experiment, places.data_dir)  # downloads once, not in each process
    return train_all(missing, at_a_time, threads, in_turn)


def must_be_installed(job: Job) -> None:
    """Raise `UserError` for a contestant whose framework is not installed."""
    for package in job.packages:
        if find_spec(package) is None:
            raise UserError(
                f"contestants = {job.contestant}: {package} is not installed here; pip install"
                " '.[torch]' or '.[keras]'"
            )


def train_all(
    jobs: Sequence[Job], at_a_time: int, threads_at_most: int | None, in_turn: int
) -> bool:
    """Train in child processes, `in_turn` jobs in each; print a line for each that has finished.

    Returns whether all have finished.
    """
    threads = share_cores(at_a_time, threads_at_most)
    waiting = [tuple(jobs[begin : begin + in_turn]) for begin in range(0, len(jobs), in_turn)]
    running: list[BaseProcess] = []
    jobs_of: dict[BaseProcess, tuple[Job, ...]] = {}
    all_have_finished = True
    bar = tqdm(total=len(jobs), desc="runs", disable=None)
    try:
        while waiting or running:
            while waiting and len(running) < at_a_time:
                some = waiting.pop(0)
                jobs_of[start(running, train_in_a_process, some, threads)] = some
            for process in ended(running):
                all_have_finished &= has_finished(process)
                for line in last_epochs_of(jobs_of[process]):
                    bar.write(line, file=sys.stdout)
                sys.stdout.flush()
                bar.update(len(jobs_of[process]))
    finally:
        bar.close()
        stop(running)
    return all_have_finished


def train_in_a_process(jobs: Sequence[Job], threads: int) -> None:
    """Train one after another: the work of a child process.

    A run that fails does not keep the next ones from starting; the process then exits with 1.
    """
    failed = False
    for job in jobs:
        try:
            with ends_as_a_child(job.folder.name):
                train(job, threads)
        except SystemExit as end:
            if end.code == STOPPED:
                raise
            sys.stderr.write(f"{end.code}\n")  # the sentence, which Python would print at the end
            failed = True
    if failed:
        sys.exit(1)


def last_epochs_of(jobs: Sequence[Job]) -> list[str]:
    """Return the loss and accuracy that each finished run has reached, as lines of text."""
    names = {job.identity: job.folder.name for job in jobs}
    return [
        f"{names[run.identity]}: val_loss {run.val_loss[-1]}, val_accuracy {run.val_accuracy[-1]}"
        for run in finished(read_runs(jobs[0].places.results))
        if run.identity in names
    ]
