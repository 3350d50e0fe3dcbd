"""Keras' RMSprop."""

from typing import Any, ClassVar, Unpack

from torch import Tensor
from torch.optim.optimizer import ParamsT

from keras_for_torch.optimizers.flat_update import KerasOptimizer
from keras_for_torch.optimizers.shared_settings import SharedSettings
from keras_for_torch.setting_ranges import FRACTION, NOT_NEGATIVE, UP_TO_ONE, SettingError


class KerasRMSprop(KerasOptimizer):
    """RMSprop by Keras' equation, with Keras' defaults.

        velocity  = rho * velocity + (1 - rho) * gradient ** 2
        increment = lr * gradient / sqrt(velocity + epsilon)
        momentum  = momentum_rate * momentum + increment
        parameter = parameter - momentum

    `momentum_rate` is the argument `momentum`. If it is 0, the third line is left out, and the
    parameter is reduced by the increment. Keras' `centered` is not here.

    With `epsilon_outside` the gradient is divided by `sqrt(velocity) + epsilon`, as in Keras 2 and
    tf.keras 2 without momentum.

    `torch.optim.RMSprop` uses another equation. It adds epsilon outside the root: without momentum,
    `torch.optim.RMSprop(alpha=0.9, eps=1e-7)` is the equation of Keras 2. It also multiplies by the
    learning rate outside the momentum buffer, which gives another result as soon as the rate
    changes.

    `shared` are weight decay and clipping, see `keras_for_torch.optimizers.shared_settings`.
    State of a parameter, in its shape: `velocity`, and `momentum` if `momentum_rate` is above 0.
    Source: keras/src/optimizers/rmsprop.py.
    """

    ranges: ClassVar = {"rho": FRACTION, "momentum": UP_TO_ONE, "epsilon": NOT_NEGATIVE}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        epsilon_outside: bool = False,
        **shared: Unpack[SharedSettings],
    ) -> None:
        settings = {
            "lr": lr,
            "rho": rho,
            "momentum": momentum,
            "epsilon": epsilon,
            "epsilon_outside": epsilon_outside,
        }
        super().__init__(params, settings, shared)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters; raises `SettingError` for settings that no version of Keras had."""
        settings = {**self.defaults, **param_group}
        if settings["epsilon_outside"] and settings["momentum"] > 0:
            raise SettingError(
                f"epsilon_outside = True with momentum = {settings['momentum']}: accepted: without"
                " momentum, since no version of Keras had both"
            )
        super().add_param_group(param_group)

    def _slots(self, group: dict[str, Any]) -> dict[str, float]:
        return {"velocity": 0.0} | ({"momentum": 0.0} if group["momentum"] > 0 else {})

    def _increment(
        self,
        gradient: Tensor,
        slots: dict[str, Tensor],
        parameters: list[Tensor],  # noqa: ARG002
        group: dict[str, Any],
    ) -> Tensor:
        rho = group["rho"]
        velocity = slots["velocity"].mul_(rho)
        if self._occurrences is None:
            velocity.addcmul_(gradient, gradient, value=1 - rho)
        else:
            velocity.add_(self._squares(gradient), alpha=1 - rho)
        if group["epsilon_outside"]:
            root = velocity.sqrt().add_(group["epsilon"])
        else:
            root = velocity.add(group["epsilon"]).sqrt_()
        if group["momentum"] > 0:
            momentum = slots["momentum"].mul_(group["momentum"])
            return momentum.addcdiv_(gradient, root, value=group["lr"])
        return gradient.mul_(group["lr"]).div_(root)
