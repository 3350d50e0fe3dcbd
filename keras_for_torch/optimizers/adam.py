"""Keras' Adam, with AMSGrad, and AdamW."""

from typing import Any, ClassVar, Unpack

import numpy as np
import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from keras_for_torch.optimizers.arithmetic import move, rounded, scalar_type
from keras_for_torch.optimizers.flat_update import KerasOptimizer
from keras_for_torch.optimizers.shared_settings import NO_CLIPPING, Clipping, SharedSettings
from keras_for_torch.setting_ranges import FRACTION, NOT_NEGATIVE, SettingError


class _AdamRule(KerasOptimizer):
    """The update rule of Adam and AdamW."""

    ranges: ClassVar = {"beta_1": FRACTION, "beta_2": FRACTION, "epsilon": NOT_NEGATIVE}

    def _slots(self, group: dict[str, Any]) -> dict[str, float]:
        slots = {"momentum": 0.0, "velocity": 0.0}
        return slots | ({"velocity_hat": 0.0} if group["amsgrad"] else {})

    def _increment(
        self,
        gradient: Tensor,
        slots: dict[str, Tensor],
        parameters: list[Tensor],
        group: dict[str, Any],
    ) -> Tensor:
        number = scalar_type(gradient)
        one, step = number(1), number(self._count_update(parameters))
        power_1, power_2 = (number(rounded(group[beta])) ** step for beta in ("beta_1", "beta_2"))
        rate = number(group["lr"]) * np.sqrt(one - power_2) / (one - power_1)

        momentum = move(slots["momentum"], gradient, 1 - group["beta_1"])
        velocity = move(slots["velocity"], self._squares(gradient), 1 - group["beta_2"])
        if group["amsgrad"]:
            largest = slots["velocity_hat"]
            velocity = torch.maximum(largest, velocity, out=largest)
        return momentum.mul(float(rate)).div_(velocity.sqrt().add_(group["epsilon"]))


class KerasAdam(_AdamRule):
    """Adam by Keras' equation, with Keras' defaults; `t` is the number of the update, from 1.

        momentum  = momentum + (gradient - momentum) * (1 - beta_1)
        velocity  = velocity + (gradient ** 2 - velocity) * (1 - beta_2)
        rate      = lr * sqrt(1 - beta_2 ** t) / (1 - beta_1 ** t)
        parameter = parameter - rate * momentum / (sqrt(velocity) + epsilon)

    With `amsgrad`, the last line has `velocity_hat` for velocity: its largest value so far.

    `torch.optim.Adam` adds epsilon to sqrt(velocity / (1 - beta_2 ** t)). So its epsilon weighs
    less in the first updates: at t = 1, Keras' acts as one that is 32 times as large. Its default
    is 1e-8. Keras also rounds the betas to float32 in the powers.

    `shared` are weight decay and clipping, see `keras_for_torch.optimizers.shared_settings`.
    State of a parameter: `momentum`, `velocity` and, with `amsgrad`, `velocity_hat` in its shape,
    and the number `step` (t).
    Source: keras/src/optimizers/adam.py.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **shared: Unpack[SharedSettings],
    ) -> None:
        settings = {"lr": lr, "beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
        super().__init__(params, settings | {"amsgrad": amsgrad}, shared)


class KerasAdamW(_AdamRule):
    """`KerasAdam` with decoupled weight decay, which comes before each of its updates.

        parameter = parameter - parameter * weight_decay * lr

    Here, and only here, `weight_decay` is the decoupled one, as in Keras' and PyTorch's AdamW;
    there is no coupled one. To exclude biases, give them a group with a `weight_decay` of 0.

    `torch.optim.AdamW` differs as `torch.optim.Adam` does, and its default decay is 0.01.

    `clipping` is described in `keras_for_torch.optimizers.shared_settings`, the state in
    `KerasAdam`.
    Source: keras/src/optimizers/adamw.py.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **clipping: Unpack[Clipping],
    ) -> None:
        settings = {"lr": lr, "weight_decay": weight_decay, "beta_1": beta_1, "beta_2": beta_2}
        settings |= {"epsilon": epsilon, "amsgrad": amsgrad}
        super().__init__(params, settings, clipping, NO_CLIPPING)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Do the same as the other optimizers; refuse the other name of decoupled decay."""
        if "decoupled_weight_decay" in {**self.defaults, **param_group}:
            raise SettingError(
                "decoupled_weight_decay given to KerasAdamW: accepted: weight_decay, which is the"
                " decoupled one there"
            )
        super().add_param_group(param_group)

    def _decays(self, group: dict[str, Any]) -> tuple[float, float]:
        return 0.0, group["weight_decay"]
