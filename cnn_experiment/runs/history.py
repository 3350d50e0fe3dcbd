"""The record of each epoch of a run, and the sums from which it is computed."""

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from cnn_experiment.value import Value

NotNegative = Annotated[float, Field(ge=0)]
Accuracy = Annotated[float, Field(ge=0, le=1)]


class Evaluation(NamedTuple):
    """Loss, including the penalty, and accuracy (0 to 1), both averaged over the images."""

    loss: float
    accuracy: float


class Tally(Value):
    """Sums over the training images of an unfinished epoch.

    `loss` is the sum over the images of the mean loss of their batch, including the penalty.
    `hits` counts the images that were classified correctly.
    """

    images: Annotated[int, Field(ge=0)] = 0
    loss: NotNegative = 0.0
    hits: Annotated[int, Field(ge=0)] = 0
    seconds: NotNegative = 0.0

    def averages(self) -> tuple[float, float]:
        """Return mean loss and accuracy; `images` must not be 0."""
        return self.loss / self.images, self.hits / self.images


class EpochRecord(Value):
    """The results of one epoch: a row of `history.csv`.

    `loss` and `accuracy` are averages over the training images, each computed with the weights
    before the update on its batch. The losses include the penalty. `learning_rate` is the
    schedule's value at `step`, the number of updates made so far, as the articles' callback prints
    it.
    """

    epoch: int
    """Counted from 1."""
    step: int
    learning_rate: NotNegative
    loss: NotNegative
    accuracy: Accuracy
    val_loss: NotNegative
    val_accuracy: Accuracy
    seconds: NotNegative
    """Wall time of the epoch, including its evaluation on the test images."""
    precision: Literal["full", "bfloat16"] = "full"
    """See `Experiment.precision`."""

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch}: loss {self.loss:.4f}, accuracy {self.accuracy:.4f},"
            f" val_loss {self.val_loss:.4f}, val_accuracy {self.val_accuracy:.4f},"
            f" learning rate {self.learning_rate:.3e} at step {self.step}, {self.seconds:.0f} s"
        )
