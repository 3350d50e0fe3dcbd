"""A planted fault for whole trainings: torch.optim.RMSprop instead of Keras' RMSprop."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
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


@contextmanager
def planted_stock_rmsprop() -> Iterator[None]:
    """Make `torch_cnn.train` use it in this process for a while; its state cannot be saved."""
    kerass = optimizers.KerasRMSprop
    optimizers.KerasRMSprop = stock_rmsprop  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        optimizers.KerasRMSprop = kerass  # type: ignore[misc]
