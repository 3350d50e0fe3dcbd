"""The runs that `results/PLAN.md` plans, in the order in which they are trained."""

import sys
from collections.abc import Iterable
from typing import NamedTuple

from cnn_experiment import UserError
from cnn_experiment.backend import load_backend
from measurements.accuracy.job import Job, Places
from measurements.accuracy.runs import AccuracyRun, Contestant, Device, read_runs
from measurements.accuracy.study import train_missing
from measurements.cluster import Workers
from measurements.recipe import Recipe

FILE = "confirmatory.jsonl"
"""A file in the folder of results, which `scripts/planned_runs.py` writes."""


class Study(NamedTuple):
    """Runs that belong together."""

    letter: str
    """The name in the plan. Of several splits each is a `Study`, and all have the same letter."""
    recipe: Recipe
    contestants: tuple[Contestant, ...]
    seeds: range
    device: Device = "cpu"
    """Where it is trained. The plan's log says why this is CUDA for some studies."""

    def jobs(self, places: Places) -> list[Job]:
        """Return its trainings, in the order in which they are done."""
        return [
            Job(self.recipe, contestant, seed, places, self.device)
            for seed in self.seeds
            for contestant in self.contestants
        ]

    def runs(self, runs: Iterable[AccuracyRun]) -> list[AccuracyRun]:
        """Return those of the runs that belong to it, trained where the plan says."""
        of_it = self.recipe.name, self.recipe.experiment.epochs, self.device
        return [
            run
            for run in runs
            if (run.preset, run.epochs, run.device) == of_it
            and run.contestant in self.contestants
            and run.seed in self.seeds
        ]


def _of_splits(
    letter: str,
    recipe: Recipe,
    splits: range,
    first_start: int,
    starts_of_a_split: int,
    device: Device = "cpu",
) -> tuple[Study, ...]:
    """Return PyTorch's runs of each split; every run has a start of its own."""
    starts = range(first_start, first_start + starts_of_a_split * len(splits), starts_of_a_split)
    return tuple(
        Study(
            letter,
            recipe._replace(split_seed=split),
            ("torch",),
            range(start, start + starts_of_a_split),
            device,
        )
        for split, start in zip(splits, starts, strict=True)
    )


_THIS_PROCESS = Workers()
_ARTICLE_3 = Recipe("article-3", momentum=0.8)
_ADDENDUM = Recipe("article-3-addendum", momentum=0.8)

STUDIES: tuple[Study, ...] = (
    Study("A", Recipe("article-2"), ("torch", "keras"), range(100, 170)),
    Study("B", Recipe("mlp"), ("torch", "keras", "torch-stock-rmsprop"), range(200, 230)),
    Study("C", Recipe("article-3-addendum", epochs=5), ("torch", "keras"), range(300, 350)),
    *_of_splits("D", _ARTICLE_3._replace(epochs=22), range(400, 408), 420, 2, "cuda"),
    *_of_splits("D", _ARTICLE_3._replace(epochs=22), range(408, 410), 436, 2),
    *_of_splits("E", _ADDENDUM._replace(epochs=35), range(500, 510), 520, 2),
    *_of_splits("F", _ARTICLE_3, range(600, 605), 620, 1),
    *_of_splits("G", _ADDENDUM, range(700, 705), 720, 1),
    Study("H", Recipe("article-3-first"), ("torch",), range(800, 803)),
    Study("I", Recipe("article-2"), ("torch", "torch-bfloat16"), range(100, 250), "cuda"),
)


def studies_of(letters: str) -> tuple[Study, ...]:
    """Return the studies with these letters, such as `AC`, in the order of the plan."""
    known = dict.fromkeys(study.letter for study in STUDIES)
    if not letters or not set(letters) <= known.keys():
        raise UserError(f"studies = {letters!r}: accepted: one or more of {''.join(known)}")
    return tuple(study for study in STUDIES if study.letter in letters)


def planned_runs(letters: str, runs: Iterable[AccuracyRun]) -> list[AccuracyRun]:
    """Return those of the runs that belong to the studies with these letters."""
    given = list(runs)
    return [run for study in studies_of(letters) for run in study.runs(given)]


def train_in_order(
    studies: Iterable[Study], places: Places, workers: Workers = _THIS_PROCESS
) -> bool:
    """Train the runs that the results do not have yet, each with one thread.

    Returns whether all have finished; a run that fails does not keep the next ones from starting.
    Studies for a device that is not here are left out, and named; a cluster's workers may have it.
    """
    given, done = list(studies), read_runs(places.results)
    here = [study for study in given if workers.address is not None or is_here(study.device)]
    jobs = [job for study in here for job in study.jobs(places)]
    left_out = {
        study.letter: None
        for study in given
        if study not in here and len(study.runs(done)) < len(study.jobs(places))
    }
    for letter in left_out:
        sys.stderr.write(f"{letter}: left out, since there is no CUDA device here\n")
    finished = not jobs or train_missing(jobs, workers, threads=1)
    return finished and not left_out


def is_here(device: Device) -> bool:
    """Return whether PyTorch can train on the device."""
    return device == "cpu" or str(load_backend("torch").pick_device()) == device
