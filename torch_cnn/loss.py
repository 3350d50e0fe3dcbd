"""The data loss under its old name, until `parity_tests` calls `CNN.data_loss`."""

from torch import Tensor

from torch_cnn.model import CNN


def data_loss(model: CNN, logits: Tensor, labels: Tensor) -> Tensor:
    """`CNN.data_loss`."""
    return model.data_loss(logits, labels)
