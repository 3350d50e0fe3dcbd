"""Keras' optimizers as `torch.optim.Optimizer`s, for use in any PyTorch model.

`weight_decay` has PyTorch's meaning: `weight_decay * parameter` is added to the gradient, which is
the gradient of `weight_decay / 2 * sum(parameter ** 2)`. So a Keras `L2(strength)` becomes
`weight_decay=2 * strength` in a parameter group of the regularized kernels. (Keras' optimizer
argument of the same name is something else, decoupled weight decay.)

Keras rounds some constants to float32, in a float64 model too. These optimizers round the same
ones.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from torch_cnn.flat_update import KerasOptimizer
from torch_cnn.setting_ranges import FRACTION, NOT_NEGATIVE, UP_TO_ONE, must_be_in_range


class KerasRMSprop(KerasOptimizer):
    """RMSprop by Keras' equation, with Keras' defaults.

        velocity  = rho * velocity + (1 - rho) * gradient ** 2
        increment = lr * gradient / sqrt(velocity + epsilon)
        momentum  = momentum_rate * momentum + increment
        parameter = parameter - momentum

    `momentum_rate` is the argument `momentum`. If it is 0, the third line is left out, and the
    parameter is reduced by the increment.

    `torch.optim.RMSprop` uses another equation. It adds epsilon outside the root. It also
    multiplies by the learning rate outside the momentum buffer, which gives another result as soon
    as the rate changes.

    State of a parameter, in its shape: `velocity`, and `momentum` if `momentum_rate` is above 0.
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
        must_be_in_range(
            lr=(lr, NOT_NEGATIVE),
            rho=(rho, FRACTION),
            momentum=(momentum, UP_TO_ONE),
            epsilon=(epsilon, NOT_NEGATIVE),
            weight_decay=(weight_decay, NOT_NEGATIVE),
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
    """The settings of Nadam and Adamax."""

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        weight_decay: float = 0.0,
    ) -> None:
        must_be_in_range(
            lr=(lr, NOT_NEGATIVE),
            beta_1=(beta_1, FRACTION),
            beta_2=(beta_2, FRACTION),
            epsilon=(epsilon, NOT_NEGATIVE),
            weight_decay=(weight_decay, NOT_NEGATIVE),
        )
        settings = {"beta_1": beta_1, "beta_2": beta_2, "epsilon": epsilon}
        super().__init__(params, {"lr": lr, **settings, "weight_decay": weight_decay})


class KerasNadam(_AdamLike):
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

    State of a parameter: `momentum` and `velocity` in its shape, and the numbers `u_product` (the
    product above) and `step` (t).
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
        # Scalars have the dtype of the model, so that their products are rounded as in Keras.
        number = _scalar_type(gradient)
        state = self.state[parameters[0]]  # all `parameters` have the same step and u_product
        one, half, step = number(1), number(0.5), number(state.get("step", 0) + 1)

        # Keras rounds 0.96 and the betas to float32 in most places, but not in the product of u.
        decay = _rounded(0.96, number)
        beta_1, beta_2 = _rounded(group["beta_1"], number), _rounded(group["beta_2"], number)
        u, u_next = (beta_1 * (one - half * decay**t) for t in (step, step + one))
        factor = number(group["beta_1"]) * (one - half * number(0.96) ** step)
        u_product = number(state.get("u_product", 1.0)) * factor
        for parameter in parameters:
            self.state[parameter].update(step=int(step), u_product=float(u_product))

        # From here on vectors, in the order of the equation.
        momentum = _moved(slots["momentum"], gradient, float(one - beta_1))
        velocity = _moved(slots["velocity"], gradient.square(), float(one - beta_2))
        ahead = (momentum * float(u_next)).div_(float(one - u_product * u_next))
        ahead += gradient.mul_(float(one - u)).div_(float(one - u_product))
        root = velocity.div(float(one - beta_2**step)).sqrt_().add_(group["epsilon"])
        return ahead.mul_(group["lr"]).div_(root)


class KerasAdamax(_AdamLike):
    """Adamax by Keras' equation, with Keras' defaults; `t` is the number of the update, from 1.

        momentum  = momentum + (gradient - momentum) * (1 - beta_1)
        norm      = max(beta_2 * norm, abs(gradient))
        parameter = parameter - lr * momentum / ((1 - beta_1 ** t) * (norm + epsilon))

    `torch.optim.Adamax` adds epsilon to abs(gradient), inside the maximum, so that it becomes part
    of the norm.

    State of a parameter: `momentum` and `norm` in its shape, and the number `step` (t).
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
    """Move an average towards a value by a fraction, `part`, of their distance, in place.

    The product is computed and rounded before the addition, as in Keras. An operation that does
    both at once does not round the product; the difference is visible if `part` is close to 1.
    """
    return average.add_((value - average).mul_(part))


def _scalar_type(gradient: Tensor) -> type[np.floating[Any]]:
    """Return the NumPy type for scalar computations with this gradient."""
    return np.float64 if gradient.dtype == torch.float64 else np.float32


def _rounded(value: float, number: type[np.floating[Any]]) -> Any:
    """Return a constant as Keras uses it: rounded to float32, then converted to `number`."""
    return number(np.float32(value))
