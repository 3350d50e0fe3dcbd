"""Known differences in the optimizer's equation and settings."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from parity_ladder import Arrays
from parity_tests.known_differences.catalogue import known
from parity_tests.torch_side import TorchPort
from torch_cnn import KerasRMSprop

KERAS = "keras/src/optimizers/rmsprop.py"


class OtherEquation(TorchPort):
    """A port with another optimizer for the same parameter groups."""

    optimizer_class: type[KerasRMSprop]

    def build_optimizer(self) -> torch.optim.Optimizer:
        groups = super().build_optimizer().param_groups
        return self.optimizer_class([dict(group) for group in groups])


class Variant(KerasRMSprop):
    """KerasRMSprop with each part of its update as a method, which the faults below replace.

    With no method replaced it is the same equation.
    """

    def _increment(
        self,
        gradient: Tensor,
        slots: dict[str, Tensor],
        parameters: list[Tensor],  # noqa: ARG002
        group: dict[str, Any],
    ) -> Tensor:
        rho = group["rho"]
        velocity = slots["velocity"].mul_(rho).add_((1 - rho) * gradient.square())
        return self.step_of(gradient, self.root(velocity, gradient, group), slots, group)

    def root(self, velocity: Tensor, gradient: Tensor, group: dict[str, Any]) -> Tensor:  # noqa: ARG002
        """Return what the gradient is divided by."""
        epsilon: float = group["epsilon"]
        if group["epsilon_outside"]:
            return torch.sqrt(velocity) + epsilon
        return torch.sqrt(velocity + epsilon)

    def step_of(
        self, gradient: Tensor, root: Tensor, slots: dict[str, Tensor], group: dict[str, Any]
    ) -> Tensor:
        """Update the momentum, and return what is subtracted from the parameters."""
        increment: Tensor = group["lr"] * gradient / root
        return self.accumulated(increment, slots, group)

    def accumulated(
        self, increment: Tensor, slots: dict[str, Tensor], group: dict[str, Any]
    ) -> Tensor:
        """Return the increment, added to the momentum if the optimizer has one."""
        if group["momentum"] == 0:
            return increment
        return slots["momentum"].mul_(group["momentum"]).add_(increment)


class OtherSide(Variant):
    """Divides by sqrt(velocity) + epsilon, or if that is right by sqrt(velocity + epsilon)."""

    def root(self, velocity: Tensor, gradient: Tensor, group: dict[str, Any]) -> Tensor:
        other = group | {"epsilon_outside": not group["epsilon_outside"]}
        return super().root(velocity, gradient, other)


class EpsilonOutside(Variant):
    """Divides by sqrt(velocity) + epsilon."""

    def root(self, velocity: Tensor, gradient: Tensor, group: dict[str, Any]) -> Tensor:  # noqa: ARG002
        return torch.sqrt(velocity) + float(group["epsilon"])


class RateOutside(Variant):
    """Applies the learning rate to the momentum, not to the increments."""

    def step_of(
        self, gradient: Tensor, root: Tensor, slots: dict[str, Tensor], group: dict[str, Any]
    ) -> Tensor:
        return float(group["lr"]) * self.accumulated(gradient / root, slots, group)


class Both(EpsilonOutside, RateOutside):
    """Has both faults, as torch.optim.RMSprop."""


class Nesterov(Variant):
    """Adds the new momentum to the increment once more (Nesterov)."""

    def step_of(
        self, gradient: Tensor, root: Tensor, slots: dict[str, Tensor], group: dict[str, Any]
    ) -> Tensor:
        increment: Tensor = group["lr"] * gradient / root
        if group["momentum"] == 0:
            return increment
        ahead = self.accumulated(increment, slots, group).mul(group["momentum"])
        return ahead.add_(increment)


class Centered(Variant):
    """Subtracts the square of the mean gradient, here the mean of the current step alone."""

    def root(self, velocity: Tensor, gradient: Tensor, group: dict[str, Any]) -> Tensor:
        mean = (1 - group["rho"]) * gradient
        return torch.sqrt(velocity - mean.square() + group["epsilon"])


@known(
    "torch.optim.RMSprop",
    rung="optimizer state",
    source=f"torch/optim/rmsprop.py against {KERAS}",
)
class StockRMSprop(OtherEquation):
    """torch.optim.RMSprop: epsilon outside the root, learning rate outside the momentum buffer."""

    optimizer_class = Both


@known(
    "epsilon on the other side of the root",
    rung="optimizer state",
    source=f"torch/optim/rmsprop.py; {KERAS}",
)
class EpsilonOnTheOtherSide(OtherEquation):
    """Epsilon is outside the root, or inside it where Keras 2 is meant, which has it outside."""

    optimizer_class = OtherSide


@known(
    "learning rate outside the momentum",
    rung="optimizer state",
    source=f"torch/optim/rmsprop.py; {KERAS}",
)
class RateOutsideTheMomentum(OtherEquation):
    """The learning rate multiplies the momentum, not each increment that is added to it."""

    optimizer_class = RateOutside


@known(
    "Nesterov momentum",
    rung="updated weights",
    source="SGD(nesterov=True); Keras' RMSprop has no such form",
)
class NesterovMomentum(OtherEquation):
    """The weights move by Nesterov's look-ahead of the momentum, not by the momentum itself."""

    optimizer_class = Nesterov


@known("centered", rung="optimizer state", source="RMSprop(centered=True), in either framework")
class CenteredVariance(OtherEquation):
    """The gradient is divided by the root of a velocity less the square of the mean gradient."""

    optimizer_class = Centered


def with_setting(optimizer: torch.optim.Optimizer, **setting: float) -> torch.optim.Optimizer:
    """Return the optimizer with this setting in every parameter group."""
    for group in optimizer.param_groups:
        group.update(setting)
    return optimizer


@known("rho 0.99", rung="optimizer state", source="torch.optim.RMSprop's default alpha")
class Rho(TorchPort):
    """Rho, the decay of the velocity, is 0.99 (PyTorch's default), not 0.9 (Keras' default)."""

    def build_optimizer(self) -> torch.optim.Optimizer:
        return with_setting(super().build_optimizer(), rho=0.99)


@known("epsilon 1e-8", rung="optimizer state", source="torch.optim.RMSprop's default eps")
class Epsilon(TorchPort):
    """Epsilon is 1e-8 (PyTorch's default), not 1e-7 (Keras' default)."""

    def build_optimizer(self) -> torch.optim.Optimizer:
        return with_setting(super().build_optimizer(), epsilon=1e-8)


@known(
    "velocity started at ones",
    rung="initial optimizer state",
    source="tf.compat.v1 RMSPropOptimizer",
)
class VelocityAtOnes(TorchPort):
    """The velocity starts at ones, as in TensorFlow 1, not at zeros."""

    def initial_optimizer_state(self) -> Arrays:
        return {
            name: np.ones_like(array) if name.startswith("velocity/") else array
            for name, array in super().initial_optimizer_state().items()
        }
