"""Known differences in what is reported of an epoch."""

from parity_ladder import Step
from parity_tests.known_differences.catalogue import known
from parity_tests.torch_side import TorchPort


@known(
    "averaged by batch",
    rung="epoch metrics",
    source="the usual PyTorch loop; Keras weights its loss by the batch's size",
)
class AveragedByBatch(TorchPort):
    """The epoch's loss gives every batch the same weight, even the short one."""

    def weight_in_loss(self, step: Step) -> int:  # noqa: ARG002
        return 1


@known(
    "reported without the penalty",
    rung="epoch metrics",
    source="the usual PyTorch loop; Keras' loss includes its regularizers",
)
class WithoutPenalty(TorchPort):
    """The reported loss does not include the penalty."""

    def reported_loss(self, step: Step) -> float:
        return step.data_loss or 0.0
