"""Differences in what an epoch is reported as."""

from collections.abc import Sequence

from cnn_experiment import Evaluation
from parity_tests.implementation import Step
from parity_tests.known_differences.catalogue import KnownDifference, known


@known(
    "averaged by batch",
    rung="epoch metrics",
    source="the usual PyTorch loop; Keras weights its loss by the batch's size",
)
class AveragedByBatch(KnownDifference):
    """The epoch's loss is the mean of the batches' losses, the short one counting as much."""

    def report(self, steps: Sequence[Step]) -> Evaluation:
        loss = sum(step.data_loss + step.penalty for step in steps) / len(steps)
        return Evaluation(loss, super().report(steps).accuracy)


@known(
    "reported without the penalty",
    rung="epoch metrics",
    source="the usual PyTorch loop; Keras' loss includes its regularizers",
)
class WithoutPenalty(KnownDifference):
    """The reported loss leaves the penalty out."""

    def report(self, steps: Sequence[Step]) -> Evaluation:
        images = sum(step.size for step in steps)
        loss = sum(step.data_loss * step.size for step in steps) / images
        return Evaluation(loss, super().report(steps).accuracy)
