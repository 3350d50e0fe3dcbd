"""Weight decay that an optimizer adds to the gradients: it is the L2 penalty of a Keras layer."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn
from torch.optim import Optimizer

from parity_ladder.pairing.torch_units import named_tensors
from parity_ladder.torch_side.optimizer_names import couples_weight_decay

Arrays = Mapping[str, NDArray[Any]]


def added_decay(module: nn.Module, optimizer: Optimizer, before: Arrays) -> dict[str, NDArray[Any]]:
    """Return the part of each gradient that the optimizer's own weight decay adds.

    `before` are the module's tensors before the update, by name.
    """
    rates = coupled_rates(module, optimizer)
    return {name: rate * before[name] for name, rate in rates.items() if rate}


def decay_penalty(module: nn.Module, optimizer: Optimizer, before: Arrays) -> float:
    """Return the penalty whose gradient that part is."""
    rates = coupled_rates(module, optimizer)
    return float(sum(rate / 2 * np.square(before[name]).sum() for name, rate in rates.items()))


def coupled_rates(module: nn.Module, optimizer: Optimizer) -> dict[str, float]:
    """Return the weight decay of each tensor; none for an optimizer that decouples it."""
    if not couples_weight_decay(optimizer):
        return {}
    names = {id(tensor): name for name, tensor in named_tensors(module).items()}
    return {
        names[id(parameter)]: float(group.get("weight_decay") or 0.0)
        for group in optimizer.param_groups
        for parameter in group["params"]
        if id(parameter) in names
    }
