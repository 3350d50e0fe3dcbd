"""Keras' Adamax."""

from typing import Any, ClassVar, Unpack

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from keras_for_torch.optimizers.arithmetic import move, rounded, scalar_type
from keras_for_torch.optimizers.flat_update import KerasOptimizer
from keras_for_torch.optimizers.shared_settings import SharedSettings
from keras_for_torch.setting_ranges import FRACTION, NOT_NEGATIVE


class KerasAdamax(KerasOptimizer):
    """Adamax by Keras' equation, with Keras' defaults; `t` is the number of the update, from 1.

        momentum  = momentum + (gradient - momentum) * (1 - beta_1)
        norm      = max(beta_2 * norm, abs(gradient))
        parameter = parameter - lr * momentum / ((1 - beta_1 ** t) * (norm + epsilon))

    `torch.optim.Adamax` adds epsilon to abs(gradient), inside the maximum, so that it becomes part
    of the norm. Keras rounds beta_1 to float32 in the power.

    `shared` are weight decay and clipping, see `keras_for_torch.optimizers.shared_settings`.
    State of a parameter: `momentum` and `norm` in its shape, and the number `step` (t).
    Source: keras/src/optimizers/adamax.py.
    """

    ranges: ClassVar = {"beta_1": FRACTION, "beta_2": FRACTION, "epsilon": NOT_NEGATIVE}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **shared: Unpack[SharedSettings],
    ) -> None:
        settings = {"lr": lr, "beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
        super().__init__(params, settings, shared)

    def _slots(self, group: dict[str, Any]) -> dict[str, float]:  # noqa: ARG002
        return {"momentum": 0.0, "norm": 0.0}

    def _increment(
        self,
        gradient: Tensor,
        slots: dict[str, Tensor],
        parameters: list[Tensor],
        group: dict[str, Any],
    ) -> Tensor:
        number = scalar_type(gradient)
        step = number(self._count_update(parameters))
        power = number(rounded(group["beta_1"])) ** step

        momentum = move(slots["momentum"], gradient, 1 - group["beta_1"])
        norm = slots["norm"].mul_(group["beta_2"])
        torch.maximum(norm, self._magnitudes(gradient), out=norm)
        divisor = (norm + group["epsilon"]).mul_(float(number(1) - power))
        return momentum.mul(group["lr"]).div_(divisor)
