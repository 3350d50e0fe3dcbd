"""Keras' optimizers as `torch.optim.Optimizer`s, for use in any port.

`weight_decay` is torch's in all of them: `weight_decay * parameter` is added to the gradient, which
is the gradient of `weight_decay / 2 * sum(parameter ** 2)`. A Keras `L2(strength)` is
`weight_decay=2 * strength` on a parameter group of the regularized kernels. (Keras' optimizer
argument of that name is a different thing, decoupled decay.)

Where Keras computes with constants rounded to float32, in a float64 model too, so do these.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from cnn_experiment.errors import UserError
from torch_cnn.flat_update import KerasOptimizer

_FRACTION = "0 to below 1"
_UP_TO_ONE = "0 to 1"
_NOT_NEGATIVE = "0 or more"


def _must_be(**ranges: tuple[float, str]) -> None:
    """Raise `UserError` for the first value that lies outside of its range, or is no number."""
    fits = {
        _FRACTION: lambda value: 0 <= value < 1,
        _NOT_NEGATIVE: lambda value: value >= 0,
        _UP_TO_ONE: lambda value: 0 <= value <= 1,
    }
    for name, (value, accepted) in ranges.items():
        try:
            is_fine = fits[accepted](value)
        except TypeError:  # no number
            is_fine = False
        if not is_fine:
            raise UserError(f"{name} = {value!r}: accepted: {accepted}")


class KerasRMSprop(KerasOptimizer):
    """RMSprop by Keras' equation, with Keras' defaults.

        velocity  = rho * velocity + (1 - rho) * gradient ** 2
        increment = lr * gradient / sqrt(velocity + epsilon)
        momentum  = momentum_rate * momentum + increment
        parameter = parameter - momentum

    without the third line, and with the increment for the momentum, where `momentum=0`.
    `torch.optim.RMSprop` is another equation: it adds epsilon outside the root, and multiplies by
    the learning rate outside the momentum buffer, which shows once the rate changes.

    State of a parameter: `velocity`, and `momentum` where there is momentum, both of its shape.
    Source: keras/src/optimizers/rmsprop.py.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        weight_decay: float = 0.0,
    ) -> None:
        _must_be(
            lr=(lr, _NOT_NEGATIVE),
            rho=(rho, _FRACTION),
            momentum=(momentum, _UP_TO_ONE),
            epsilon=(epsilon, _NOT_NEGATIVE),
            weight_decay=(weight_decay, _NOT_NEGATIVE),
        )
        settings = {"rho": rho, "momentum": momentum, "epsilon": epsilon}
        super().__init__(params, {"lr": lr, **settings, "weight_decay": weight_decay})

    def _slots(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("velocity", "momentum") if group["momentum"] > 0 else ("velocity",)

    def _increment(
        self,
        gradient: Tensor,
        slots: dict[str, Tensor],
        parameters: list[Tensor],  # noqa: ARG002
        group: dict[str, Any],
    ) -> Tensor:
        rho = group["rho"]
        velocity = slots["velocity"].mul_(rho).addcmul_(gradient, gradient, value=1 - rho)
        root = velocity.add(group["epsilon"]).sqrt_()
        if group["momentum"] > 0:
            momentum = slots["momentum"].mul_(group["momentum"])
            return momentum.addcdiv_(gradient, root, value=group["lr"])
        return gradient.mul_(group["lr"]).div_(root)


class _AdamLike(KerasOptimizer):
    """Settings of the two optimizers below."""

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        weight_decay: float = 0.0,
    ) -> None:
        _must_be(
            lr=(lr, _NOT_NEGATIVE),
            beta_1=(beta_1, _FRACTION),
            beta_2=(beta_2, _FRACTION),
            epsilon=(epsilon, _NOT_NEGATIVE),
            weight_decay=(weight_decay, _NOT_NEGATIVE),
        )
        settings = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
        super().__init__(params, {"lr": lr, **settings, "weight_decay": weight_decay})


class KerasNadam(_AdamLike):
    """Nadam by Keras' equation, with Keras' defaults; `t` counts the updates from 1.

        u(t)      = beta_1 * (1 - 0.96 ** t / 2)
        product   = u(1) * u(2) * ... * u(t)
        momentum  = momentum + (gradient - momentum) * (1 - beta_1)
        velocity  = velocity + (gradient ** 2 - velocity) * (1 - beta_2)
        ahead     = u(t + 1) * momentum / (1 - product * u(t + 1))
                  + (1 - u(t)) * gradient / (1 - product)
        parameter = parameter - lr * ahead / (sqrt(velocity / (1 - beta_2 ** t)) + epsilon)

    `torch.optim.NAdam` is the same but for its default `momentum_decay=4e-3`, which is 1 here, and
    for the rounding of 0.96, beta_1 and beta_2 to float32.

    State of a parameter: `momentum` and `velocity`, both of its shape, `u_product` and `step`.
    Source: keras/src/optimizers/nadam.py.
    """

    def _slots(self, group: dict[str, Any]) -> tuple[str, ...]:  # noqa: ARG002
        return ("momentum", "velocity")

    def _increment(
        self,
        gradient: Tensor,
        slots: dict[str, Tensor],
        parameters: list[Tensor],
        group: dict[str, Any],
    ) -> Tensor:
        number = _scalar_type(gradient)
        state = self.state[parameters[0]]
        one, half, step = number(1), number(0.5), number(state.get("step", 0) + 1)
        decay = _rounded(0.96, number)
        beta_1, beta_2 = _rounded(group["beta_1"], number), _rounded(group["beta_2"], number)
        # The product is made of the constants as they are, the rest of the rounded ones.
        factor = number(group["beta_1"]) * (one - half * number(0.96) ** step)
        u_product = number(state.get("u_product", 1.0)) * factor
        for parameter in parameters:
            self.state[parameter].update(step=int(step), u_product=float(u_product))
        u, u_next = (beta_1 * (one - half * decay**t) for t in (step, step + one))

        momentum = _moved(slots["momentum"], gradient, float(one - beta_1))
        velocity = _moved(slots["velocity"], gradient.square(), float(one - beta_2))
        ahead = (momentum * float(u_next)).div_(float(one - u_product * u_next))
        ahead += gradient.mul_(float(one - u)).div_(float(one - u_product))
        root = velocity.div(float(one - beta_2**step)).sqrt_().add_(group["epsilon"])
        return ahead.mul_(group["lr"]).div_(root)


class KerasAdamax(_AdamLike):
    """Adamax by Keras' equation, with Keras' defaults; `t` counts the updates from 1.

        momentum  = momentum + (gradient - momentum) * (1 - beta_1)
        norm      = max(beta_2 * norm, abs(gradient))
        parameter = parameter - lr * momentum / ((1 - beta_1 ** t) * (norm + epsilon))

    `torch.optim.Adamax` adds epsilon to the gradient within the maximum, and keeps it there.

    State of a parameter: `momentum` and `norm`, both of its shape, and `step`.
    Source: keras/src/optimizers/adamax.py.
    """

    def _slots(self, group: dict[str, Any]) -> tuple[str, ...]:  # noqa: ARG002
        return ("momentum", "norm")

    def _increment(
        self,
        gradient: Tensor,
        slots: dict[str, Tensor],
        parameters: list[Tensor],
        group: dict[str, Any],
    ) -> Tensor:
        number = _scalar_type(gradient)
        step = self.state[parameters[0]].get("step", 0) + 1
        for parameter in parameters:
            self.state[parameter]["step"] = step
        power = _rounded(group["beta_1"], number) ** number(step)

        momentum = _moved(slots["momentum"], gradient, 1 - group["beta_1"])
        norm = slots["norm"].mul_(group["beta_2"])
        torch.maximum(norm, gradient.abs_(), out=norm)
        divisor = (norm + group["epsilon"]).mul_(float(number(1) - power))
        return momentum.mul(group["lr"]).div_(divisor)


def _moved(average: Tensor, value: Tensor, part: float) -> Tensor:
    """Move an average by a part of its distance to a value, in place.

    Multiplied first, then added: in one operation the product would not be rounded, and where
    nearly all of the distance is taken, that shows.
    """
    return average.add_((value - average).mul_(part))


def _scalar_type(gradient: Tensor) -> type[np.floating[Any]]:
    """The NumPy type in which scalars beside this gradient are computed."""
    return np.float64 if gradient.dtype == torch.float64 else np.float32


def _rounded(value: float, number: type[np.floating[Any]]) -> Any:
    """A constant as Keras casts it: through float32."""
    return number(np.float32(value))
