"""Train what a study of seeds and contestants still lacks, several trainings at a time."""

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from multiprocessing.process import BaseProcess

from tqdm import tqdm

from cnn_experiment import UserError, load_pixels
from cnn_experiment.command_line import must_be_a_folder
from measurements.accuracy.job import Job, Places, train
from measurements.accuracy.runs import CONTESTANTS, Contestant, read_runs
from measurements.child_processes import (
    ended,
    ends_as_a_child,
    has_finished,
    share_cores,
    start,
    stop,
)
from measurements.json_lines import must_be_a_file_of_lines
from measurements.recipe import Recipe


def contestants_of(text: str) -> tuple[Contestant, ...]:
    """Return the contestants that a text such as `keras,torch` names, each once."""
    known: dict[str, Contestant] = {name: name for name in CONTESTANTS}
    names = dict.fromkeys(text.split(","))
    if not names.keys() <= known.keys():
        raise UserError(f"contestants = {text!r}: accepted: {', '.join(known)}")
    return tuple(known[name] for name in names)


def train_study(
    recipe: Recipe,
    contestants: Sequence[Contestant],
    seeds: int,
    places: Places,
    *,
    at_a_time: int,
) -> bool:
    """Train the recipe with each contestant and seed from 0 on, where the results lack it.

    Returns whether all trainings have finished. Raises `UserError` before the first one for what
    cannot be.
    """
    jobs = [
        Job(recipe, contestant, seed, places) for seed in range(seeds) for contestant in contestants
    ]
    for job in jobs:
        _ = job.experiment  # raises where there can be none
    must_be_a_file_of_lines(places.results, "results")
    must_be_a_folder(places.runs, "runs")
    must_be_a_folder(places.data_dir, "data_dir")
    done = {run.identity for run in read_runs(places.results)}
    left = [job for job in jobs if job.identity not in done]
    for job in left:
        must_be_installed(job)
    if left:
        load_pixels(left[0].experiment, places.data_dir)  # fetched once, not by each process
    return train_all(left, at_a_time)


def must_be_installed(job: Job) -> None:
    """Raise `UserError` for a contestant whose framework is missing here."""
    for package in job.packages:
        if find_spec(package) is None:
            raise UserError(
                f"contestants = {job.contestant}: {package} is not installed here; pip install"
                " '.[torch]' or '.[keras]'"
            )


def train_all(jobs: Sequence[Job], at_a_time: int) -> bool:
    """Train each job in a process of its own; print a line for each that has finished.

    Returns whether all of them have.
    """
    threads = share_cores(at_a_time)
    waiting = list(jobs)
    under_way: list[BaseProcess] = []
    job_of: dict[BaseProcess, Job] = {}
    all_have_finished = True
    bar = tqdm(total=len(waiting), desc="runs", disable=None)
    try:
        while waiting or under_way:
            while waiting and len(under_way) < at_a_time:
                job = waiting.pop(0)
                job_of[start(under_way, train_in_a_process, job, threads)] = job
            for process in ended(under_way):
                if has_finished(process):
                    bar.write(last_epoch_of(job_of[process]), file=sys.stdout)
                    sys.stdout.flush()
                else:
                    all_have_finished = False
                bar.update()
    finally:
        bar.close()
        stop(under_way)
    return all_have_finished


def train_in_a_process(job: Job, threads: int) -> None:
    """Train, as the work of a process of its own."""
    with ends_as_a_child(job.folder.name):
        train(job, threads)


def last_epoch_of(job: Job) -> str:
    """Return what a finished run has reached, as a line of text."""
    run = next(run for run in read_runs(job.places.results) if run.identity == job.identity)
    return f"{job.folder.name}: val_loss {run.val_loss[-1]}, val_accuracy {run.val_accuracy[-1]}"
