"""A finished training, with what is needed to repeat it: a JSON line in a results file."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cnn_experiment import Experiment, preset
from cnn_experiment.machine import Machine
from cnn_experiment.value import Value
from parity_tests.results import read_lines

Contestant = Literal["keras", "torch", "torch-bfloat16", "torch-stock-rmsprop"]
"""Who trained. The last one is a planted fault: torch.optim.RMSprop in the place of Keras'."""
Figure = Literal["accuracy", "loss", "val_accuracy", "val_loss"]
FIGURES: tuple[Figure, ...] = ("accuracy", "loss", "val_accuracy", "val_loss")
Accuracies = tuple[Annotated[float, Field(ge=0, le=1)], ...]
Losses = tuple[Annotated[float, Field(ge=0)], ...]


class AccuracyRun(Value):
    """One finished training. The tuples have a value an epoch."""

    preset: str
    """Its name, followed by what was changed in it but for epochs, seed and precision."""
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

    @model_validator(mode="after")
    def _is_of_one_run(self) -> Self:
        lengths = {len(getattr(self, figure)) for figure in FIGURES}
        if lengths != {self.experiment.epochs} or self.seed != self.experiment.seed:
            raise ValueError("figures and seed should be those of the experiment")
        changeable = ("seed", "epochs", "precision", "optimizer", "data")
        changes = {name: getattr(self.experiment, name) for name in changeable}
        if preset(self.preset.partition(",")[0]).with_changes(**changes) != self.experiment:
            raise ValueError("the experiment should be that of the preset")
        return self

    @property
    def epochs(self) -> int:
        """Count of epochs."""
        return len(self.val_accuracy)

    def figures(self, epoch: int) -> dict[Figure, float]:
        """What was measured after an epoch, from 1 on."""
        return {figure: getattr(self, figure)[epoch - 1] for figure in FIGURES}

    @property
    def identity(self) -> tuple[str, str, int, int]:
        """What makes two runs the same."""
        return self.preset, self.contestant, self.epochs, self.seed


def read_runs(file: Path) -> list[AccuracyRun]:
    """The runs in a results file, each once; raises `UserError` as `read_lines` does."""
    return list({run.identity: run for run in read_lines(file, AccuracyRun)}.values())
