"""A planted fault for whole trainings: torch.optim.RMSprop in the place of Keras' RMSprop."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from torch_cnn import optimizers


def stock_rmsprop(
    groups: Iterable[Mapping[str, Any]], *, rho: float, momentum: float, epsilon: float
) -> torch.optim.RMSprop:
    """What a port takes who looks for the same words: epsilon and learning rate stand elsewhere."""
    parameters: Any = list(groups)
    return torch.optim.RMSprop(parameters, alpha=rho, eps=epsilon, momentum=momentum)


def plant_stock_rmsprop() -> None:
    """From now on `torch_cnn.train` in this process updates by it; its state cannot be kept."""
    optimizers.KerasRMSprop = stock_rmsprop  # type: ignore[assignment,misc]
