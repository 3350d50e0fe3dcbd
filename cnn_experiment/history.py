"""What a run reports after every epoch."""

from dataclasses import dataclass
from typing import NamedTuple


class Evaluation(NamedTuple):
    """Loss, the penalty included, and accuracy (0 to 1), both averaged by sample."""

    loss: float
    accuracy: float


@dataclass(frozen=True)
class EpochRecord:
    """One epoch's row.

    `loss` and `accuracy` are averages over the epoch's training images, taken while the weights
    moved; the losses include the penalty. `learning_rate` is the schedule's value at `step`, the
    count of updates made so far, as the articles' callback prints it.
    """

    epoch: int
    """From 1."""
    step: int
    learning_rate: float
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float
    """Wall time of the epoch, its evaluation on the test images included."""
    precision: str
    """What the layers computed in: `Experiment.precision`."""

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch}: loss {self.loss:.4f}, accuracy {self.accuracy:.4f},"
            f" val_loss {self.val_loss:.4f}, val_accuracy {self.val_accuracy:.4f},"
            f" learning rate {self.learning_rate:.3e} at step {self.step}, {self.seconds:.0f} s"
        )
