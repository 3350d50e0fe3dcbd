"""Keras' gradient descent, with momentum."""

from typing import Any, ClassVar, Unpack

from torch import Tensor
from torch.optim.optimizer import ParamsT

from keras_for_torch.optimizers.arithmetic import rounded
from keras_for_torch.optimizers.flat_update import KerasOptimizer
from keras_for_torch.optimizers.shared_settings import SharedSettings
from keras_for_torch.setting_ranges import UP_TO_ONE


class KerasSGD(KerasOptimizer):
    """Gradient descent by Keras' equation, with Keras' defaults.

        momentum  = momentum_rate * momentum - lr * gradient
        parameter = parameter + momentum

    `momentum_rate` is the argument `momentum`. With `nesterov`, the second line adds
    `momentum_rate * momentum - lr * gradient`, computed with the new momentum. If the rate is 0,
    `lr * gradient` is subtracted from the parameter, with or without `nesterov`.

    `torch.optim.SGD` multiplies by lr outside the momentum buffer: it gives the same result at a
    constant rate, and another one as soon as the rate changes. Keras also rounds `momentum` to
    float32.

    `shared` are weight decay and clipping, see `keras_for_torch.optimizers.shared_settings`.
    State of a parameter, in its shape: `momentum`, if `momentum_rate` is above 0.
    Source: keras/src/optimizers/sgd.py.
    """

    ranges: ClassVar = {"momentum": UP_TO_ONE}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-2,
        momentum: float = 0.0,
        nesterov: bool = False,
        **shared: Unpack[SharedSettings],
    ) -> None:
        settings = {"lr": lr, "momentum": momentum, "nesterov": nesterov}
        super().__init__(params, settings, shared)

    def _slots(self, group: dict[str, Any]) -> dict[str, float]:
        return {"momentum": 0.0} if group["momentum"] > 0 else {}

    def _increment(
        self,
        gradient: Tensor,
        slots: dict[str, Tensor],
        parameters: list[Tensor],  # noqa: ARG002
        group: dict[str, Any],
    ) -> Tensor:
        step = gradient.mul_(group["lr"])
        if group["momentum"] == 0:
            return step
        rate = rounded(group["momentum"])
        momentum = slots["momentum"].mul_(rate).sub_(step)
        return step.sub_(momentum * rate) if group["nesterov"] else momentum.neg()
