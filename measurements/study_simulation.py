"""What a study costs beside its trainings: runs that are ready at once, given out and written."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from operator import attrgetter
from pathlib import Path
from typing import TypedDict

from tqdm import tqdm

from cnn_experiment import UserError
from measurements.accuracy.runs import AccuracyRun, read_runs
from measurements.cluster import Workers, results_of
from measurements.json_lines import add_once

EXAMPLE = Path(__file__).parents[1] / "results" / "accuracy.jsonl"
"""Its first line is what every run returns, with another seed."""


class Written(TypedDict):
    """One row: so many runs of a study have been done."""

    runs: int
    seconds: float
    """Since the first run was given out."""
    runs_an_hour: float
    """Of the latest runs: the most that this study could do, with any number of workers."""
    megabytes: float
    """The size of the file of results."""


def written(runs: int, workers: Workers) -> Iterator[Written]:
    """Do so many runs that take no time; yield a row after each tenth of them."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "accuracy.jsonl"
        begin = latest = time.perf_counter()
        done_before = 0
        with closing(results_of(ready_run, range(runs), workers)) as all_done:
            for done, (_, run, failure) in enumerate(tqdm(all_done, total=runs, disable=None), 1):
                if run is None:
                    raise UserError(f"run: {failure}")
                add_once(file, run, attrgetter("identity"))
                if done % max(1, runs // 10) == 0:
                    now = time.perf_counter()
                    yield {
                        "runs": done,
                        "seconds": round(now - begin, 1),
                        "runs_an_hour": round(3600 * (done - done_before) / (now - latest)),
                        "megabytes": round(file.stat().st_size / 1e6, 2),
                    }
                    latest, done_before = now, done


def ready_run(seed: int) -> AccuracyRun:
    """Return a run that some other study has trained, as if this seed had trained it."""
    run, *_ = read_runs(EXAMPLE)
    return run.with_changes(seed=seed, experiment=run.experiment.with_changes(seed=seed))
