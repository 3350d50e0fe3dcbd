"""Keras' three ways to clip gradients, on flat vectors; see `shared_settings` for what they do."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from keras_for_torch.optimizers.occurrences import Occurrences
from keras_for_torch.setting_ranges import SettingError


class Joined(NamedTuple):
    """Parameters of a group that are updated together, and their gradients as one flat vector."""

    group: dict[str, Any]
    parameters: list[Tensor]
    gradient: Tensor
    """Of an embedding with a sparse gradient: the rows of its occurrences, one after the other."""
    occurrences: Occurrences | None = None
    """The sparse gradient, if it is one; it shares its memory with `gradient`."""


def clip(joined: Sequence[Joined]) -> None:
    """Clip the gradients in place, each as its group says.

    Raises `SettingError` if the groups differ in `global_clipnorm`, which is about all of them.
    """
    limits = {each.group["global_clipnorm"] for each in joined}
    if len(limits) > 1:
        values = ", ".join(sorted(map(str, limits)))
        raise SettingError(
            f"global_clipnorm = {values} in groups of one optimizer: accepted: one value for all"
        )
    for limit in limits - {None}:
        _clip_global_norm([each.gradient for each in joined], limit)

    for group, parameters, gradient, occurrences in joined:
        if group["clipnorm"] is not None:
            sizes = [parameter.numel() for parameter in parameters]
            if occurrences is not None:
                sizes = [gradient.numel()]
            for part in torch.split(gradient, sizes):
                _clip_norm(part, group["clipnorm"])
        if group["clipvalue"] is not None:
            gradient.clamp_(-group["clipvalue"], group["clipvalue"])


def _clip_norm(gradient: Tensor, limit: float) -> None:
    norm = gradient.square().sum().sqrt_()
    gradient.mul_(limit).div_(norm.clamp_(min=limit))


def _clip_global_norm(gradients: Sequence[Tensor], limit: float) -> None:
    first = gradients[0]
    squares = torch.stack([gradient.square().sum().to(first) for gradient in gradients])
    norm = squares.sum().sqrt_()
    scale = norm.reciprocal().clamp_(max=1 / limit).mul_(limit)
    scale += norm - norm  # NaN, as in Keras, if the norm is infinite
    for gradient in gradients:
        gradient.mul_(scale.to(gradient))
