"""Planted differences in Adam, AdamW, Nadam and Adamax."""

from typing import Any

import keras
import torch
from torch import nn, optim

from keras_for_torch import KerasAdam, KerasAdamax, KerasAdamW, KerasNadam
from tests.known_differences.dense_training import update_case

K = keras.optimizers


def keras_adam(net: nn.Module, **settings: Any) -> KerasAdam:
    """Return the sound port of `Adam(0.01)`, or one with other settings."""
    return KerasAdam(net.parameters(), 0.01, **settings)


class AdamWithoutCorrection(optim.Optimizer):
    """Adam as many write it by hand, without the correction of the bias."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__(net.parameters(), {"lr": 0.01})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Make one update."""
        for group in self.param_groups:
            for parameter in group["params"]:
                kept = self.state[parameter]
                if not kept:
                    kept["momentum"] = torch.zeros_like(parameter)
                    kept["velocity"] = torch.zeros_like(parameter)
                momentum, velocity = kept["momentum"], kept["velocity"]
                momentum.mul_(0.9).add_(parameter.grad, alpha=0.1)
                velocity.mul_(0.999).add_(parameter.grad**2, alpha=0.001)
                parameter -= group["lr"] * momentum / (velocity.sqrt() + 1e-7)


PLANTED = [
    update_case(
        "epsilon hat in Adam",
        lambda: K.Adam(0.01),
        sound=keras_adam,
        faulty=lambda net: optim.Adam(net.parameters(), 0.01, eps=1e-7),
    ),
    update_case(
        "PyTorch's epsilon in Adam",
        lambda: K.Adam(0.01),
        sound=keras_adam,
        faulty=lambda net: optim.Adam(net.parameters(), 0.01),
    ),
    update_case(
        "PyTorch's AdamW",
        lambda: K.AdamW(0.01),
        sound=lambda net: KerasAdamW(net.parameters(), 0.01),
        faulty=lambda net: optim.AdamW(net.parameters(), 0.01),
    ),
    update_case(
        "no bias correction in Adam",
        lambda: K.Adam(0.01),
        sound=keras_adam,
        faulty=AdamWithoutCorrection,
    ),
    update_case(
        "slow momentum decay in Nadam",
        lambda: K.Nadam(0.01),
        sound=lambda net: KerasNadam(net.parameters(), 0.01),
        faulty=lambda net: optim.NAdam(net.parameters(), 0.01, eps=1e-7),
    ),
    update_case(
        "epsilon inside the maximum in Adamax",
        lambda: K.Adamax(0.01),
        sound=lambda net: KerasAdamax(net.parameters(), 0.01),
        faulty=lambda net: optim.Adamax(net.parameters(), 0.01),
    ),
]
