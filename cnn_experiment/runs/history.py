"""What a run reports after every epoch, and the sums that it is made of."""

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from cnn_experiment.value import Value

NotNegative = Annotated[float, Field(ge=0)]
Accuracy = Annotated[float, Field(ge=0, le=1)]


class Evaluation(NamedTuple):
    """Loss, the penalty included, and accuracy (0 to 1), both averaged by sample."""

    loss: float
    accuracy: float


class Tally(Value):
    """Sums over an epoch's training images so far. Losses are added one by one, in float64."""

    images: Annotated[int, Field(ge=0)] = 0
    loss: NotNegative = 0.0
    hits: Annotated[int, Field(ge=0)] = 0
    seconds: NotNegative = 0.0

    def averages(self) -> tuple[float, float]:
        """Loss and accuracy by image, of which there is at least one."""
        return self.loss / self.images, self.hits / self.images


class EpochRecord(Value):
    """One epoch's row.

    `loss` and `accuracy` are averages over the epoch's training images, taken while the weights
    moved; the losses include the penalty. `learning_rate` is the schedule's value at `step`, the
    count of updates made so far, as the articles' callback prints it.
    """

    epoch: int
    """From 1."""
    step: int
    learning_rate: NotNegative
    loss: NotNegative
    accuracy: Accuracy
    val_loss: NotNegative
    val_accuracy: Accuracy
    seconds: NotNegative
    """Wall time of the epoch, its evaluation on the test images included."""
    precision: Literal["full", "bfloat16"] = "full"
    """What the layers computed in: `Experiment.precision`."""

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch}: loss {self.loss:.4f}, accuracy {self.accuracy:.4f},"
            f" val_loss {self.val_loss:.4f}, val_accuracy {self.val_accuracy:.4f},"
            f" learning rate {self.learning_rate:.3e} at step {self.step}, {self.seconds:.0f} s"
        )
