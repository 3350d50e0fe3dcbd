"""Copy weights and optimizer state between a PyTorch model and the neutral form.

See `cnn_experiment.formats.torch_layout` for the names and layouts.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from cnn_experiment.errors import UserError
from cnn_experiment.formats.torch_layout import (
    neutral_name,
    to_neutral_layout,
    to_torch_layout,
    torch_name,
)
from cnn_experiment.settings.optimizers import SCALARS
from cnn_experiment.variables import Variables, must_match

__all__ = [
    "load_neutral_optimizer_state",
    "load_neutral_weights",
    "neutral_name",
    "neutral_optimizer_state",
    "neutral_weights",
    "to_neutral_layout",
    "to_torch_layout",
    "torch_name",
]


def neutral_weights(model: nn.Module) -> dict[str, NDArray[Any]]:
    """Return copies of the model's parameters in the neutral form."""
    return {
        neutral_name(name): to_neutral_layout(parameter.detach().cpu().numpy()).copy()
        for name, parameter in model.named_parameters()
    }


def load_neutral_weights(model: nn.Module, weights: Variables) -> None:
    """Copy `weights`, which are in the neutral form, into the model.

    To start a training again this is not enough: the optimizer keeps its momentum and the schedule
    its count of updates, so that the learning rate goes on decaying. Build both anew, too.
    Raises `UserError` if a name, a shape or a dtype differs from the model's; the model is then
    not changed.
    """
    must_match(weights, neutral_weights(model))
    with torch.no_grad():
        for name, array in weights.items():
            parameter = model.get_parameter(torch_name(name))
            parameter.copy_(torch.from_numpy(to_torch_layout(array).copy()))


def neutral_optimizer_state(model: nn.Module, optimizer: Optimizer) -> dict[str, NDArray[Any]]:
    """Return copies of the optimizer's state, by names like `velocity/conv2d_1/kernel`.

    The number of updates is left out. Nadam keeps `u_product` for each parameter; the result has it
    once. The result is empty before the first update.
    """
    state: dict[str, NDArray[Any]] = {}
    for name, parameter in model.named_parameters():
        for slot, value in optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                array = to_neutral_layout(value.detach().cpu().numpy()).copy()
                state[f"{slot}/{neutral_name(name)}"] = array
            elif slot in SCALARS:
                state[slot] = np.asarray(value, parameter.detach().cpu().numpy().dtype)
    return state


def load_neutral_optimizer_state(
    model: nn.Module, optimizer: Optimizer, state: Variables, iteration: int
) -> None:
    """Copy `state`, as `neutral_optimizer_state` returns it, into the optimizer of a model.

    `iteration` is the number of updates already made; it becomes the `step` of each parameter.
    Raises `UserError` for a name or a shape that does not fit the model; the optimizer is then not
    changed.
    """
    shapes = {name: array.shape for name, array in neutral_weights(model).items()}
    for key, array in state.items():
        expected = () if key in SCALARS else shapes.get(key.partition("/")[2])
        if expected != array.shape:
            raise UserError(
                f"optimizer state {key} has shape {array.shape};"
                f" accepted: {expected or 'no state of this name'}"
            )
    for name, parameter in model.named_parameters():
        slots: dict[str, Any] = {}
        for key, array in state.items():
            slot, _, variable = key.partition("/")
            if not variable:
                slots[slot] = float(array)
            elif variable == neutral_name(name):
                values = torch.from_numpy(to_torch_layout(array).copy())
                slots[slot] = torch.empty_like(parameter).copy_(values).detach()
        optimizer.state[parameter] = {**slots, "step": iteration}
