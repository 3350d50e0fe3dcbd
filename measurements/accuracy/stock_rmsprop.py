"""A planted fault for whole trainings: torch.optim.RMSprop instead of Keras' RMSprop."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from keras_for_torch import optimizers


def stock_rmsprop(
    groups: Iterable[Mapping[str, Any]],
    *,
    rho: float,
    momentum: float,
    epsilon: float,
    epsilon_outside: bool,  # noqa: ARG001 - it is always outside
) -> torch.optim.RMSprop:
    """Return the optimizer with the same name and settings as Keras', but with another equation."""
    parameters: Any = list(groups)
    return torch.optim.RMSprop(parameters, alpha=rho, eps=epsilon, momentum=momentum)


def plant_stock_rmsprop() -> None:
    """Make `torch_cnn.train` use it in this process from now on; its state cannot be saved."""
    optimizers.KerasRMSprop = stock_rmsprop  # type: ignore[assignment,misc]
