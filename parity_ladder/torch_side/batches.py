"""Batches as the port's training step gets them, and what it returns."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor


def as_tensors(values: Any, device: torch.device) -> Any:
    """Return arrays as tensors: floating-point ones in the climb's dtype, whole ones int64.

    `values` may be tuples, lists and dicts of arrays, in any depth.
    """
    if isinstance(values, Mapping):
        return {name: as_tensors(value, device) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return type(values)(as_tensors(value, device) for value in values)
    if values is None:
        return None
    tensor = torch.from_numpy(np.array(values))
    if tensor.is_floating_point():
        tensor = tensor.to(torch.get_default_dtype())
    elif tensor.dtype is not torch.bool:
        tensor = tensor.long()
    return tensor.to(device)


def size_of(batch: Any) -> int:
    """Return the number of samples in a batch."""
    while isinstance(batch, list | tuple | Mapping):
        batch = next(iter(batch.values() if isinstance(batch, Mapping) else batch))
    return len(batch)


def detached(value: Any) -> Any:
    """Return what a step returned without the graph of its backward pass."""
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, Mapping):
        return {name: detached(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        parts = [detached(each) for each in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value
