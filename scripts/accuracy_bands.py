r"""Train seeds x contestants x presets, and say with statistics whether they reach the same.

    python scripts/accuracy_bands.py --preset article-2 --contestants keras,torch --seeds 30
    python scripts/accuracy_bands.py --preset article-3 --contestants torch --seeds 2 --jobs 2
    python scripts/accuracy_bands.py --analyse --json accuracy.json --plot accuracy.png

Runs are paired: the same seed gives every contestant the same split, initial weights and batches.
Each is a process of its own; --jobs of them share the cores. Every finished run is a line in the
results file and is not repeated; one that was broken off goes on where it was stopped. Contestants:
keras, torch, torch-bfloat16, and torch-stock-rmsprop, a planted fault (which begins anew).
"""

import argparse
import json
import signal
import sys
from importlib.util import find_spec
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING

from child_processes import (  # scripts/child_processes.py, beside this file
    ended,
    has_finished,
    in_a_process,
    share_cores,
    start,
    stop,
)
from trained_run import must_be_a_png

if TYPE_CHECKING:
    from measurements.accuracy.job import Job

RESULTS = Path("results/accuracy.jsonl")
PRESET, BOTH, SEEDS = "article-2", "keras,torch", 30
CONTESTANTS = ("keras", "torch", "torch-bfloat16", "torch-stock-rmsprop")
FOR_TRAINING = ("epochs", "momentum", "train_images", "contestants", "data_dir")
FOR_ANALYSIS = ("json", "plot")


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", metavar="NAME", help=f"default {PRESET}; to analyse: every one")
    parser.add_argument("--epochs", type=int, metavar="N", help="instead of the preset's")
    parser.add_argument("--momentum", type=float, metavar="M", help="instead of the preset's")
    parser.add_argument("--train-images", type=int, metavar="N", help="the first N; default 60000")
    parser.add_argument(
        "--contestants",
        metavar="NAMES",
        help=f"of {', '.join(CONTESTANTS)}; default {BOTH}",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help=f"0 to N-1; default {SEEDS}; to analyse: every one",
    )
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="runs at a time, sharing the cores"
    )
    parser.add_argument("--data-dir", type=Path, metavar="P")
    parser.add_argument(
        "--results", type=Path, default=RESULTS, metavar="FILE", help=f"default {RESULTS}"
    )
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path("runs/accuracy"),
        metavar="DIR",
        help="folder of the checkpoints of runs that are under way; default runs/accuracy",
    )
    parser.add_argument("--analyse", action="store_true", help="train nothing; print the verdicts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the analysis for machines")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="the analysis as a picture")
    return parser.parse_args()


def main() -> None:
    """Train or analyse; exit with 1 and one sentence where that cannot be done."""
    options = arguments()
    from cnn_experiment import UserError

    try:
        must_go_together(options)
        analyse(options) if options.analyse else train_all(options)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
        sys.exit(130)


def must_go_together(options: argparse.Namespace) -> None:
    """Raise `UserError` for an option that would be passed over, or can have no such value."""
    from cnn_experiment import UserError, preset

    for option in FOR_TRAINING if options.analyse else FOR_ANALYSIS:
        if getattr(options, option) is not None:
            name = option.replace("_", "-")
            raise UserError(f"--{name} is for {'training' if options.analyse else '--analyse'}")
    must_be_a_png(options.plot, "plot")
    for option in ("seeds", "jobs"):
        if getattr(options, option) is not None and getattr(options, option) < 1:
            raise UserError(f"{option} = {getattr(options, option)}: accepted: 1 or more")
    preset(options.preset or PRESET)


def train_all(options: argparse.Namespace) -> None:
    """Train what the results file lacks, several at a time."""
    from tqdm import tqdm

    from measurements.accuracy.runs import read_runs

    done = {run.identity for run in read_runs(options.results)}
    jobs = jobs_of(options)
    waiting = [job for job in jobs if job.identity not in done]
    must_be_possible(waiting, options)
    threads = share_cores(options.jobs)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    under_way: list[BaseProcess] = []
    job_of: dict[BaseProcess, Job] = {}
    has_failed = False
    bar = tqdm(total=len(waiting), desc="runs", disable=None)
    try:
        while waiting or under_way:
            while waiting and len(under_way) < options.jobs:
                job = waiting.pop(0)
                job_of[start(under_way, train_one, job, threads)] = job
            for process in ended(under_way):
                if has_finished(process):
                    bar.write(last_line(job_of[process]), file=sys.stdout)
                    sys.stdout.flush()
                else:
                    has_failed = True
                bar.update()
    finally:
        bar.close()
        stop(under_way)
    if has_failed:
        sys.exit(1)


def must_be_possible(jobs: "list[Job]", options: argparse.Namespace) -> None:
    """Find out what no process could do once, before there are any: packages, folders, MNIST."""
    from cnn_experiment import UserError, load_pixels

    for job in jobs:
        for package in job.packages:
            if find_spec(package) is None:
                raise UserError(
                    f"contestants = {job.contestant}: {package} is not installed here; pip install"
                    " '.[torch]' or '.[keras]'"
                )
    for name, folder in (("runs", options.runs), ("results", options.results.parent)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{name} = {folder}: {error.strerror}; accepted: a folder") from error
    for job in jobs[:1]:
        load_pixels(job.experiment, options.data_dir)


def last_line(job: "Job") -> str:
    """What the run has reached."""
    from measurements.accuracy.runs import read_runs

    run = next(run for run in read_runs(job.results) if run.identity == job.identity)
    return f"{job.folder.name}: val_loss {run.val_loss[-1]}, val_accuracy {run.val_accuracy[-1]}"


def jobs_of(options: argparse.Namespace) -> list["Job"]:
    """All that the command line asks for; raises `UserError` for what cannot be."""
    from cnn_experiment import UserError
    from measurements.accuracy.job import Job

    names = list(dict.fromkeys((options.contestants or BOTH).split(",")))
    if not set(names) <= set(CONTESTANTS):
        raise UserError(
            f"contestants = {options.contestants!r}: accepted: {', '.join(CONTESTANTS)}"
        )
    jobs = [
        Job(
            preset=options.preset or PRESET,
            epochs=options.epochs,
            momentum=options.momentum,
            train_images=options.train_images,
            contestant=name,
            seed=seed,
            runs=options.runs,
            results=options.results,
            data_dir=options.data_dir,
        )
        for seed in range(options.seeds or SEEDS)
        for name in names
    ]
    for job in jobs:
        job.experiment  # noqa: B018 - before anything is trained
    return jobs


def train_one(job: "Job", threads: int) -> None:
    """In a process of its own."""
    from measurements.accuracy.job import train

    in_a_process(lambda: train(job, threads), job.folder.name)


def analyse(options: argparse.Namespace) -> None:
    """Print the analysis, write and draw it."""
    from cnn_experiment import UserError
    from cnn_experiment.atomic_file import write_atomically
    from measurements.accuracy.analysis import analysis
    from measurements.accuracy.runs import read_runs
    from measurements.accuracy.tables import picture, tables

    runs = read_runs(options.results)
    if options.seeds is not None:
        runs = [run for run in runs if run.seed < options.seeds]
    if options.preset is not None:
        runs = [run for run in runs if run.preset.partition(",")[0] == options.preset]
    if not runs:
        raise UserError(
            f"results = {options.results}: there are no such runs in it; accepted: a file with some"
        )
    found = analysis(runs)
    print(tables(found))
    if options.json is not None:
        write_atomically(
            options.json, (json.dumps(found, indent=2, allow_nan=False) + "\n").encode()
        )
    if options.plot is not None:
        write_atomically(options.plot, picture(found))


if __name__ == "__main__":
    main()
