"""Keras' optimizers as `torch.optim.Optimizer`s, for use in any port."""

from collections.abc import Callable
from typing import Any, cast, overload

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT


class KerasRMSprop(Optimizer):
    """RMSprop by Keras' equation, with Keras' defaults.

        velocity  = rho * velocity + (1 - rho) * gradient ** 2
        increment = lr * gradient / sqrt(velocity + epsilon)
        momentum  = momentum_rate * momentum + increment
        parameter = parameter - momentum

    without the third line, and with the increment for the momentum, where `momentum=0`.
    `torch.optim.RMSprop` is another equation: it adds epsilon outside the root, and multiplies by
    the learning rate outside the momentum buffer, which shows once the rate changes.

    `weight_decay` is torch's: `weight_decay * parameter` is added to the gradient, which is the
    gradient of `weight_decay / 2 * sum(parameter ** 2)`. A Keras `L2(strength)` is
    `weight_decay=2 * strength` on a parameter group of the regularized kernels. (Keras' optimizer
    argument of that name is a different thing, decoupled decay.)

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
        for name, value, fits, accepted in (
            ("lr", lr, lr >= 0, "0 or more"),
            ("rho", rho, 0 <= rho < 1, "0 to below 1"),
            ("momentum", momentum, 0 <= momentum <= 1, "0 to 1"),
            ("epsilon", epsilon, epsilon >= 0, "0 or more"),
            ("weight_decay", weight_decay, weight_decay >= 0, "0 or more"),
        ):
            if not fits:
                raise ValueError(f"{name} = {value}; accepted: {accepted}")
        defaults = {
            "lr": lr,
            "rho": rho,
            "momentum": momentum,
            "epsilon": epsilon,
            "weight_decay": weight_decay,
        }
        super().__init__(params, defaults)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update every parameter that has a gradient; return the closure's loss, if any."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)
        return loss

    def _update(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        if gradient.is_sparse:
            raise ValueError("KerasRMSprop was given a sparse gradient; accepted: dense ones")
        state = cast(dict[str, Tensor], self.state[parameter])
        if "velocity" not in state:
            state["velocity"] = torch.zeros_like(parameter)
        if group["momentum"] > 0 and "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)

        if group["weight_decay"] > 0:
            gradient = gradient.add(parameter, alpha=group["weight_decay"])
        rho = group["rho"]
        velocity = state["velocity"].mul_(rho).add_(gradient.square(), alpha=1 - rho)
        increment = (group["lr"] * gradient).div_(velocity.add(group["epsilon"]).sqrt_())
        if group["momentum"] > 0:
            increment = state["momentum"].mul_(group["momentum"]).add_(increment)
        parameter.sub_(increment)
