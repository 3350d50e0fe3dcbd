"""How far apart two free-running trainings are after each epoch of a published run."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from cnn_experiment import Experiment, UserError
from cnn_experiment.runs.checkpoint import Checkpoint
from cnn_experiment.value import Value
from measurements.circumstances import Circumstances
from measurements.json_lines import read_lines
from parity_ladder.comparison import compare

Distance = Annotated[float, Field(ge=0)]
TestImages = Annotated[int, Field(ge=0)]
"""A number of test images."""


class EpochDistance(Value):
    """The absolute differences between our run and the reference's after an epoch."""

    epoch: int
    step: int
    weights: Distance
    """The largest difference of a weight or bias."""
    loss: Distance
    """The difference of the training loss, averaged over the epoch."""
    val_loss: Distance
    accuracy: tuple[float, float]
    """Ours and theirs, averaged over the epoch's training images."""
    val_accuracy: tuple[float, float]
    predictions: TestImages | None = None
    """The number of test images. This field and those below are set after the last epoch only.

    A run that was continued with more epochs has them in the middle, too.
    """
    predictions_that_differ: TestImages | None = None
    """The number of test images for which the two predict different digits."""
    experiment: Experiment | None = None
    """The experiment, with this epoch as its last."""
    circumstances: Circumstances | None = None

    def __str__(self) -> str:
        text = (
            f"epoch {self.epoch}, step {self.step}: weights {self.weights:.1e} apart,"
            f" loss {self.loss:.1e}, val_loss {self.val_loss:.1e};"
            f" val_accuracy {self.val_accuracy[0]:.4f} and {self.val_accuracy[1]:.4f}"
        )
        if self.predictions is not None:
            text += f"; {self.predictions_that_differ} of {self.predictions} predictions differ"
        return text


def epoch_distance(ours: Checkpoint, theirs: Checkpoint) -> EpochDistance:
    """Compare two states after the same epoch.

    Raises `UserError` for states that cannot be compared: from different steps, with different
    variables, or with values that are not finite.
    """
    at, there = (each.iteration for each in (ours, theirs))
    if at != there or ours.batch:
        raise UserError(f"ours is at step {at}, theirs at {there}; accepted: the same epoch's end")
    if ours.weights.keys() != theirs.weights.keys():
        raise UserError(f"{sorted(ours.weights)} against {sorted(theirs.weights)}")
    weights = {name: compare(array, theirs.weights[name]) for name, array in ours.weights.items()}
    for name, difference in weights.items():
        if not math.isfinite(difference.absolute):
            raise UserError(f"{name}{difference.where}")
    last, other = ours.history[-1], theirs.history[-1]
    return EpochDistance(
        epoch=ours.epoch,
        step=at,
        weights=max(difference.absolute for difference in weights.values()),
        loss=abs(last.loss - other.loss),
        val_loss=abs(last.val_loss - other.val_loss),
        accuracy=(last.accuracy, other.accuracy),
        val_accuracy=(last.val_accuracy, other.val_accuracy),
    )


def read_distances(file: Path) -> list[EpochDistance]:
    """Return the lines of a file, which are epochs 1, 2, ...; raises `UserError` for others."""
    distances = read_lines(file, EpochDistance)
    epochs = [distance.epoch for distance in distances]
    if epochs != list(range(1, len(epochs) + 1)):
        raise UserError(f"{file}: it has epochs {epochs}; accepted: 1, 2, 3, ...")
    return distances


def picture(distances: Sequence[EpochDistance]) -> bytes:
    """Draw the distances by step as a PNG, on a logarithmic scale, which cannot show zeros."""
    from cnn_experiment.look import pictures

    steps = np.array([each.step for each in distances])
    lines = {
        name: pictures.Line(np.array([getattr(each, name) for each in distances]))
        for name in ("weights", "loss", "val_loss")
    }
    return pictures.png(pictures.trajectory(steps, lines))
