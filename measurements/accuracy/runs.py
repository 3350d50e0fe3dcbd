"""A finished training with all that is needed to repeat it: a JSON line in a results file."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from cnn_experiment import Experiment, UserError, preset
from cnn_experiment.machine import Machine
from cnn_experiment.value import Value
from measurements.json_lines import read_lines

Contestant = Literal["keras", "torch", "torch-bfloat16", "torch-stock-rmsprop"]
"""By what a run was trained. The last one is a planted fault: torch.optim.RMSprop."""
CONTESTANTS: tuple[Contestant, ...] = get_args(Contestant)
Device = Literal["cpu", "cuda"]
DEVICES: tuple[Device, ...] = get_args(Device)
Metric = Literal["accuracy", "loss", "val_accuracy", "val_loss"]
METRICS: tuple[Metric, ...] = get_args(Metric)
Accuracies = tuple[Annotated[float, Field(ge=0, le=1)], ...]
Losses = tuple[Annotated[float, Field(ge=0)], ...]


class AccuracyRun(Value):
    """One training that has ended. The tuples have a value for each epoch that was finished."""

    preset: str
    """The name of the preset, followed by the changes to it, except epochs, seed and precision."""
    contestant: Contestant
    seed: int
    val_accuracy: Accuracies
    val_loss: Losses
    accuracy: Accuracies
    loss: Losses
    experiment: Experiment
    threads: Annotated[int, Field(ge=1)]
    versions: dict[str, str]
    machine: Machine | None = None
    device: Device = "cpu"
    gpu: str | None = None
    """The name of the CUDA device."""
    diverged: Annotated[int, Field(ge=1)] | None = None
    """The epoch, from 1, in which the loss was no number any more; None for a finished training."""

    @model_validator(mode="after")
    def _is_of_one_run(self) -> Self:
        lengths = {len(getattr(self, metric)) for metric in METRICS}
        finished = self.experiment.epochs if self.diverged is None else self.diverged - 1
        if lengths != {finished} or self.seed != self.experiment.seed:
            raise ValueError("epochs and seed must be those of the experiment")
        changeable = ("seed", "epochs", "precision", "optimizer", "data")
        changes = {name: getattr(self.experiment, name) for name in changeable}
        if preset(self.preset.partition(",")[0]).with_changes(**changes) != self.experiment:
            raise ValueError("the experiment must be that of the preset")
        return self

    @property
    def epochs(self) -> int:
        """The number of epochs that were to be trained."""
        return self.experiment.epochs

    def metrics(self, epoch: int) -> dict[Metric, float]:
        """Return accuracies and losses after an epoch, which is counted from 1."""
        return {metric: getattr(self, metric)[epoch - 1] for metric in METRICS}

    @property
    def identity(self) -> tuple[str, str, int, int, Device]:
        """Preset, contestant, epochs, seed and device: runs with the same ones are repetitions."""
        return self.preset, self.contestant, self.epochs, self.seed, self.device


def finished(runs: Iterable[AccuracyRun]) -> list[AccuracyRun]:
    """Return the runs that did not diverge."""
    return [run for run in runs if run.diverged is None]


def read_runs(file: Path) -> list[AccuracyRun]:
    """Return the runs in a results file, repetitions once; raises `UserError` as `read_lines`."""
    return list({run.identity: run for run in read_lines(file, AccuracyRun)}.values())


def chosen_runs(file: Path, preset_name: str | None, seeds: int | None) -> list[AccuracyRun]:
    """Return the runs of a preset, with or without changes, with seeds 0 to `seeds` - 1.

    None stands for all presets or seeds. Raises `UserError` if the file has no such run.
    """
    runs = [
        run
        for run in read_runs(file)
        if preset_name in (None, run.preset.partition(",")[0])
        and (seeds is None or run.seed < seeds)
    ]
    if not runs:
        raise UserError(
            f"results = {file}: there is no such run in it; accepted: a file with one or more"
        )
    return runs
