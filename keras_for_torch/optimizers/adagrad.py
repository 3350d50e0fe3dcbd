"""Keras' Adagrad."""

from typing import Any, ClassVar, Unpack

from torch import Tensor
from torch.optim.optimizer import ParamsT

from keras_for_torch.optimizers.arithmetic import rounded
from keras_for_torch.optimizers.flat_update import KerasOptimizer
from keras_for_torch.optimizers.shared_settings import SharedSettings
from keras_for_torch.setting_ranges import NOT_NEGATIVE


class KerasAdagrad(KerasOptimizer):
    """Adagrad by Keras' equation, with Keras' defaults.

        accumulator = accumulator + gradient ** 2
        parameter   = parameter - lr * gradient / sqrt(accumulator + epsilon)

    `torch.optim.Adagrad` adds epsilon outside the root. Its defaults are lr 0.01, epsilon 1e-10 and
    an accumulator that starts at 0.

    `shared` are weight decay and clipping, see `keras_for_torch.optimizers.shared_settings`.
    State of a parameter, in its shape: `accumulator`.
    Source: keras/src/optimizers/adagrad.py.
    """

    ranges: ClassVar = {"initial_accumulator_value": NOT_NEGATIVE, "epsilon": NOT_NEGATIVE}

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **shared: Unpack[SharedSettings],
    ) -> None:
        settings = {"lr": lr, "epsilon": epsilon}
        settings["initial_accumulator_value"] = initial_accumulator_value
        super().__init__(params, settings, shared)

    def _slots(self, group: dict[str, Any]) -> dict[str, float]:
        return {"accumulator": rounded(group["initial_accumulator_value"])}

    def _increment(
        self,
        gradient: Tensor,
        slots: dict[str, Tensor],
        parameters: list[Tensor],  # noqa: ARG002
        group: dict[str, Any],
    ) -> Tensor:
        accumulator = slots["accumulator"].add_(self._squares(gradient))
        return gradient.mul_(group["lr"]).div_(accumulator.add(group["epsilon"]).sqrt_())
