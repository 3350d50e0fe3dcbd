"""How many runs of the accuracy study an hour gives, by the number of jobs at a time."""

import io
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from cnn_experiment import UserError
from measurements.accuracy.job import Job, Places
from measurements.accuracy.runs import Contestant
from measurements.accuracy.study import train_missing
from measurements.benchmark import interval
from measurements.child_processes import cores
from measurements.cluster import Workers
from measurements.recipe import Recipe


class ManyRuns(TypedDict):
    """One row: so many jobs at a time."""

    contestant: str
    jobs: int
    threads: int
    """Of each job."""
    runs_an_hour: float
    times_one_job: float
    """The median of its runs an hour over those of one job with all cores, in the same round."""
    low: float
    high: float
    """The 95 % bootstrap interval of that median."""


def many_runs(
    recipe: Recipe,
    contestants: Sequence[Contestant],
    jobs: Sequence[int],
    runs: int,
    rounds: int,
) -> list[ManyRuns]:
    """Let each number of jobs train so many runs in each round, in random order.

    The first of `jobs` is 1. Raises `UserError` if it is not, for settings that are not valid,
    for frameworks that are not installed, and if a run fails.
    """
    if jobs[0] != 1 or min(jobs) < 1 or len(set(jobs)) < len(jobs):
        given = ",".join(map(str, jobs))
        raise UserError(f"jobs = {given!r}: accepted: 1 and then other numbers, as 1,2,4")
    source = np.random.RandomState(0)
    keys = [(contestant, count) for contestant in contestants for count in jobs]
    turns = [keys[place] for _ in range(rounds) for place in source.permutation(len(keys))]
    seconds: dict[tuple[Contestant, int], list[float]] = {key: [] for key in keys}
    for contestant, count in tqdm(turns, desc="turns", leave=False, disable=None):
        seconds[contestant, count].append(_seconds_for(recipe, contestant, count, runs))
    times = {key: np.array(values) for key, values in seconds.items()}
    return [
        _row(contestant, count, times[contestant, count], times[contestant, 1], runs)
        for contestant, count in keys
    ]


def _seconds_for(recipe: Recipe, contestant: Contestant, count: int, runs: int) -> float:
    """Return how long the runs take, with the start of their processes."""
    with tempfile.TemporaryDirectory() as folder:
        places = Places(Path(folder) / "runs.jsonl", Path(folder) / "runs")
        jobs = [Job(recipe, contestant, seed, places) for seed in range(runs)]
        begin = time.perf_counter()
        with redirect_stdout(io.StringIO()):  # a line for each run
            all_have_finished = train_missing(jobs, Workers(count))
        if not all_have_finished:
            raise UserError(f"jobs = {count}: a run has failed; accepted: runs that all finish")
        return time.perf_counter() - begin


def _row(
    contestant: str,
    count: int,
    seconds: NDArray[np.float64],
    of_one: NDArray[np.float64],
    runs: int,
) -> ManyRuns:
    found = interval(of_one / seconds)
    return {
        "contestant": contestant,
        "jobs": count,
        "threads": max(1, cores() // count),
        "runs_an_hour": round(3600 * runs / float(np.median(seconds)), 1),
        "times_one_job": round(found["median"], 3),
        "low": round(found["low"], 3),
        "high": round(found["high"], 3),
    }
