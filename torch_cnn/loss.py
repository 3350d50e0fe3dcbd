"""The data loss as Keras computes it; the penalty is `CNN.penalty`."""

from typing import Literal

from torch import Tensor
from torch.nn import functional

from torch_cnn.model import CNN, activate

_KERAS_EPSILON = 1e-7


def data_loss(
    model: CNN, logits: Tensor, labels: Tensor, reduction: Literal["mean", "sum"] = "mean"
) -> Tensor:
    """Categorical cross-entropy of (batch, classes) logits, without the penalty; a scalar.

    Of the logits, or of the output's normalised and clipped values: `Output.crossentropy_of`.
    Source: keras/src/backend/tensorflow/nn.py.
    """
    output = model.experiment.network.output
    if output.crossentropy_of == "logits":
        return functional.cross_entropy(logits, labels, reduction=reduction)
    activated = activate(output.activation, logits)
    probabilities = activated / activated.sum(1, keepdim=True)
    clipped = probabilities.clamp(_KERAS_EPSILON, 1 - _KERAS_EPSILON)
    return functional.nll_loss(clipped.log(), labels, reduction=reduction)
