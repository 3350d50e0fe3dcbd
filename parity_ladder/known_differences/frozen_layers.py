"""Known differences in which variables train."""

from typing import Any

import numpy as np

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import GradientsPlace, StatisticsPlace
from parity_ladder.pairing.torch_units import named_tensors


def _frozen(place: GradientsPlace) -> set[str]:
    """Return the Keras variables whose tensors do not train in the port."""
    tensors = named_tensors(place.port.module)
    paired = [(each.theirs.name, tensors[each.ours.name]) for each in place.pairs.variables]
    training = {name for name, tensor in paired if tensor.requires_grad}
    return {name for name, _ in paired} - training


@known(
    "parameter frozen in the port",
    rung="gradients",
    area="layers",
    source="keras/src/layers/layer.py; torch/nn/parameter.py",
)
def frozen_in_the_port(place: GradientsPlace) -> Any:
    """The port freezes a parameter that Keras trains: its `requires_grad` is False.

    Keras trains all variables of a layer whose `trainable` is True. Write
    `parameter.requires_grad_(True)`, and give the parameter to the optimizer.
    """
    gradients = place.theirs.gradients or {}
    found = {n: np.zeros_like(g) for n, g in gradients.items() if n in _frozen(place)}
    return found or None


@known(
    "gradient cut off",
    rung="gradients",
    area="layers",
    source="torch/_tensor.py; torch/autograd/grad_mode.py",
)
def cut_off(place: GradientsPlace) -> Any:
    """The port's gradient does not reach some parameters, though they are to train.

    Something between them and the loss cuts it off: `detach()`, `.data`, `torch.no_grad()`, or a
    way over NumPy. Keras' reaches them all: take this out.
    """
    gradients = place.theirs.gradients or {}
    missing = {
        name
        for name, gradient in gradients.items()
        if gradient.any() and name in place.ours and not place.ours[name].any()
    }
    if not missing - _frozen(place):
        return None
    return {n: np.zeros_like(g) if n in missing else g for n, g in gradients.items()}


@known(
    "variable trained that Keras freezes",
    rung="statistics",
    area="layers",
    source="keras/src/layers/layer.py; torch/nn/parameter.py",
)
def trained_in_the_port(place: StatisticsPlace) -> bool:
    """The port trains a variable that Keras does not: the layer's `trainable` is False there.

    Write `layer.requires_grad_(False)` for the layer, before its parameters go to the optimizer.
    """
    tensors = named_tensors(place.port.module)
    groups = place.ports_optimizer.param_groups
    held = {id(parameter) for group in groups for parameter in group["params"]}
    trained = {
        each.theirs.name
        for each in place.pairs.variables
        if tensors[each.ours.name].requires_grad and id(tensors[each.ours.name]) in held
    }
    return place.array in trained - set(place.pairs.trainable)
