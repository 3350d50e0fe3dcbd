"""The runs that a report shows, and the command that repeats each."""

import os
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from cnn_experiment import PRESETS, Checkpoint, Experiment, RunFolder, UserError
from cnn_experiment.errors import shortened
from parity_ladder.distances import FreeRunning, TwinDistances
from parity_tests.parity_result import FILE, ParityResult, read_parity_result


class Climb(NamedTuple):
    """A parity run."""

    label: str
    result: ParityResult

    @property
    def command(self) -> str:
        """The command that repeats the climb."""
        result = self.result
        words = (
            ["--preset", result.preset]
            if result.preset
            else ["--experiment", f"{self.label}/experiment.json"]
        )
        words += ["--dtype", result.dtype, "--steps", str(result.steps)]
        if result.twins is not None:
            words += ["--twins", str(result.twins)]
        if result.experiment.seed:
            words += ["--seed", str(result.experiment.seed)]
        if result.mutant is not None:
            words += ["--mutant", result.mutant]
        if result.random_digits:
            words += ["--random-digits"]
        if result.device != "cpu":
            words += ["--device", result.device]
        return _command("parity", *words, "--out", self.label)


class Training(NamedTuple):
    """A training run, up to its latest checkpoint."""

    label: str
    checkpoint: Checkpoint

    @property
    def command(self) -> str:
        """The command that repeats the training."""
        checkpoint = self.checkpoint
        experiment, name = checkpoint.experiment, preset_of(checkpoint.experiment)
        if name is not None and experiment.dtype != PRESETS[name].dtype:
            name = None  # `train` has no option for it
        words = ["--backend", checkpoint.backend or "torch"]
        if name is None:
            words += ["--experiment", f"{self.label}/experiment.json"]
        else:
            words += ["--preset", name, "--epochs", str(experiment.epochs)]
            words += ["--train-images", str(experiment.data.train_images)]
            words += ["--test-images", str(experiment.data.test_images)]
            words += ["--seed", str(experiment.seed), "--precision", experiment.precision]
        return _command("train", *words, "--out", self.label)


def _command(name: str, *words: str) -> str:
    return shlex.join(["twin-cnn", name, *words])


def preset_of(experiment: Experiment) -> str | None:
    """Return the preset that differs at most in epochs, seed, images, dtype and precision."""
    for name, published in PRESETS.items():
        counts = {
            count: getattr(experiment.data, count) for count in ("train_images", "test_images")
        }
        alike = published.with_changes(
            data=published.data.with_changes(**counts),
            **{
                field: getattr(experiment, field)
                for field in ("epochs", "seed", "dtype", "precision")
            },
        )
        if alike == experiment:
            return name
    return None


class GivenRuns(NamedTuple):
    """All given runs, in the order of the command line."""

    labels: Sequence[str]
    climbs: Sequence[Climb]
    trainings: Sequence[Training]

    @property
    def free_running(self) -> dict[str, FreeRunning]:
        """The free-running differences of each float64 climb that took a step, by label."""
        return {
            label: result.free_running
            for label, result in self.climbs
            if result.free_running is not None and result.dtype == "float64"
        }

    @property
    def twin_distances(self) -> dict[str, TwinDistances]:
        """The twins' distances of each float32 climb that reached the last rung, by label."""
        return {
            label: result.twin_distances
            for label, result in self.climbs
            if result.twin_distances is not None
        }

    @property
    def command(self) -> str:
        """The command that makes the page again."""
        return _command("report", *self.labels, "--out", "report.html")


def read_runs(folders: Iterable[Path]) -> GivenRuns:
    """Read the run in each folder; raises `UserError` for a folder without one."""
    labels: list[str] = []
    climbs: list[Climb] = []
    trainings: list[Training] = []
    for folder in dict.fromkeys(folders):
        run_folder = RunFolder(folder)
        climbed, trained = (folder / FILE).exists(), run_folder.latest_file.exists()
        if not (climbed or trained):
            raise UserError(
                f"run = {shortened(str(folder))}: there is no run in it; accepted: a folder of"
                " twin-cnn train, with latest.safetensors, or of twin-cnn parity --out, with"
                f" {FILE}"
            )
        label = _label(folder, labels)
        labels.append(label)
        if climbed:
            climbs.append(Climb(label, read_parity_result(folder)))
        if trained:
            trainings.append(Training(label, run_folder.read()))
    return GivenRuns(labels, climbs, trainings)


def _label(folder: Path, taken: Sequence[str]) -> str:
    """Return the folder as it was given; of a path outside this folder only its name.

    The page is made to be passed on, and should not show the folders of this machine.
    """
    inside = not folder.is_absolute() and folder.name and ".." not in folder.parts
    given = os.fsencode(folder if inside else folder.resolve().name).decode(errors="replace")
    label, number = given, 1
    while label in taken:
        number += 1
        label = f"{given} ({number})"
    return label
