"""Known differences in the regularizer."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from parity_ladder import Arrays, State, Step
from parity_tests.digit_batches import DigitBatch
from parity_tests.known_differences.catalogue import known
from parity_tests.torch_side import TorchPort


class OtherPenalty(TorchPort):
    """A port with its own choice of regularized parameters, strength and weight decay."""

    def strength(self) -> float:
        """Return the factor of the sum of squares."""
        regularizer = self.experiment.regularizer
        return 0.0 if regularizer is None else regularizer.rounded_strength

    def regularized(self) -> list[nn.Parameter]:
        """Return the parameters that are regularized."""
        return self.model.regularized_kernels()

    def penalty(self) -> Tensor:
        total = torch.zeros((), dtype=self.model.dtype, device=self.model.device)
        for parameter in self.regularized():
            total = total + self.strength() * parameter.square().sum()
        return total

    def decay(self) -> float:
        """Return the weight decay of the optimizer: the gradient of s * w**2 is 2 * s * w."""
        return 2 * self.strength()

    def build_optimizer(self) -> torch.optim.Optimizer:
        chosen = {id(parameter) for parameter in self.regularized()}
        groups: list[dict[str, Any]] = [
            {"params": [p for p in self.model.parameters() if id(p) not in chosen]},
            {"params": self.regularized(), "weight_decay": self.decay()},
        ]
        optimizer = super().build_optimizer()
        settings = {n: v for n, v in optimizer.param_groups[0].items() if n != "params"}
        groups = [settings | {"weight_decay": 0.0} | group for group in groups]
        build: Callable[[list[dict[str, Any]]], torch.optim.Optimizer] = type(optimizer)
        return build(groups)


@known(
    "L2 without the factor 2",
    rung="gradients",
    source="Keras' L2 is strength * sum(w**2), weight decay is the gradient of half of that",
)
class WithoutFactorTwo(OtherPenalty):
    """The weight decay is the L2 strength itself, which makes half of the penalty's gradient."""

    def decay(self) -> float:
        return self.strength()


@known("L2 on biases", rung="penalty", source="weight_decay on all parameters of the head")
class OnBiases(OtherPenalty):
    """The dense layers' biases are regularized too."""

    def regularized(self) -> list[nn.Parameter]:
        linear = [module for module in self.model.modules() if isinstance(module, nn.Linear)]
        return [parameter for module in linear for parameter in module.parameters()]


@known(
    "L2 on convolutions",
    rung="penalty",
    source="weight_decay on all parameters with more than one axis",
)
class OnConvolutions(OtherPenalty):
    """The convolutions' kernels are regularized too."""

    def regularized(self) -> list[nn.Parameter]:
        return [parameter for parameter in self.model.parameters() if parameter.ndim > 1]


@known("L2 on everything", rung="penalty", source="one parameter group with weight_decay for all")
class OnEverything(OtherPenalty):
    """All kernels and all biases are regularized, those of the convolutions too."""

    def regularized(self) -> list[nn.Parameter]:
        return list(self.model.parameters())


@known("L2 missing on the output layer", rung="penalty", source="article III, cell 4")
class NotOnOutput(OtherPenalty):
    """The output layer's kernel is not regularized."""

    def regularized(self) -> list[nn.Parameter]:
        return super().regularized()[:-1]


@known("L2 strength not rounded", rung="penalty", source="keras/src/regularizers/regularizers.py")
class StrengthNotRounded(OtherPenalty):
    """The L2 strength is a Python double, whereas Keras rounds it to float32."""

    def strength(self) -> float:
        regularizer = self.experiment.regularizer
        return 0.0 if regularizer is None else regularizer.strength


@known("decoupled decay", rung="gradients", source="AdamW; Keras' optimizer argument weight_decay")
class DecoupledDecay(OtherPenalty):
    """The weights decay in a separate step, so the penalty's gradient bypasses the optimizer."""

    def decay(self) -> float:
        return 0.0

    def step(self, state: State, batch: DigitBatch) -> Step:
        step = super().step(state, batch)
        rate = self.learning_rate(state.iteration) * 2 * self.strength()
        kernels = self.experiment.regularized_kernels()
        decayed: Arrays = {
            name: array - rate * state.weights[name] if name in kernels else array
            for name, array in step.state.weights.items()
        }
        return replace(step, state=replace(step.state, weights=decayed))
