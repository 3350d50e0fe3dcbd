"""Keras' Nadam."""

from typing import Any, ClassVar, Unpack

from torch import Tensor
from torch.optim.optimizer import ParamsT

from keras_for_torch.optimizers.arithmetic import move, rounded, scalar_type
from keras_for_torch.optimizers.flat_update import KerasOptimizer
from keras_for_torch.optimizers.shared_settings import SharedSettings
from keras_for_torch.setting_ranges import FRACTION, NOT_NEGATIVE


class KerasNadam(KerasOptimizer):
    """Nadam by Keras' equation, with Keras' defaults; `t` is the number of the update, from 1.

        u(t)      = beta_1 * (1 - 0.96 ** t / 2)
        product   = u(1) * u(2) * ... * u(t)
        momentum  = momentum + (gradient - momentum) * (1 - beta_1)
        velocity  = velocity + (gradient ** 2 - velocity) * (1 - beta_2)
        ahead     = u(t + 1) * momentum / (1 - product * u(t + 1))
                  + (1 - u(t)) * gradient / (1 - product)
        parameter = parameter - lr * ahead / (sqrt(velocity / (1 - beta_2 ** t)) + epsilon)

    `torch.optim.NAdam` uses the same equation with two differences: its default
    `momentum_decay=4e-3` is 1 here, and it does not round 0.96, beta_1 and beta_2 to float32.

    `shared` are weight decay and clipping, see `keras_for_torch.optimizers.shared_settings`.
    State of a parameter: `momentum` and `velocity` in its shape, and the numbers `u_product` (the
    product above) and `step` (t).
    Source: keras/src/optimizers/nadam.py.
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
        return {"momentum": 0.0, "velocity": 0.0}

    def _increment(
        self,
        gradient: Tensor,
        slots: dict[str, Tensor],
        parameters: list[Tensor],
        group: dict[str, Any],
    ) -> Tensor:
        number = scalar_type(gradient)
        one, half, step = number(1), number(0.5), number(self._count_update(parameters))

        # Keras rounds 0.96 and the betas to float32 in most places, but not in the product of u.
        decay = number(rounded(0.96))
        beta_1, beta_2 = number(rounded(group["beta_1"])), number(rounded(group["beta_2"]))
        u, u_next = (beta_1 * (one - half * decay**t) for t in (step, step + one))
        factor = number(group["beta_1"]) * (one - half * number(0.96) ** step)
        u_product = number(self.state[parameters[0]].get("u_product", 1.0)) * factor
        for parameter in parameters:
            self.state[parameter]["u_product"] = float(u_product)

        # From here on vectors, in the order of the equation.
        momentum = move(slots["momentum"], gradient, float(one - beta_1))
        velocity = move(slots["velocity"], self._squares(gradient), float(one - beta_2))
        ahead = (momentum * float(u_next)).div_(float(one - u_product * u_next))
        ahead += gradient.mul_(float(one - u)).div_(float(one - u_product))
        root = velocity.div(float(one - beta_2**step)).sqrt_().add_(group["epsilon"])
        return ahead.mul_(group["lr"]).div_(root)
