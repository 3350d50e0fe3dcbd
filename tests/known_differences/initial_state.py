"""Planted differences in what an optimizer keeps."""

import keras
import torch
from torch import nn, optim

from keras_for_torch import KerasAdagrad, KerasAdam, KerasRMSprop, KerasSGD
from tests.known_differences.dense_training import update_case

K = keras.optimizers


class CenteredRMSprop(optim.Optimizer):
    """Keras' centered RMSprop."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__(net.parameters(), {"lr": 0.01})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Make one update."""
        for group in self.param_groups:
            for parameter in group["params"]:
                kept = self.state[parameter]
                if not kept:
                    kept["velocity"] = torch.zeros_like(parameter)
                    kept["average_gradient"] = torch.zeros_like(parameter)
                kept["velocity"].mul_(0.9).add_(parameter.grad**2, alpha=1 - 0.9)
                average = kept["average_gradient"].mul_(0.9).add_(parameter.grad, alpha=1 - 0.9)
                root = (kept["velocity"] - average**2 + 1e-7).sqrt()
                parameter -= group["lr"] * parameter.grad / root


class AveragingSGD(optim.Optimizer):
    """Gradient descent that keeps a moving average of the weights."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__(net.parameters(), {"lr": 0.1})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Make one update, and move the average."""
        for parameter in self.param_groups[0]["params"]:
            parameter -= self.param_groups[0]["lr"] * parameter.grad
            kept = self.state[parameter]
            average = kept.get("average")
            moved = parameter if average is None else 0.9 * average + (1 - 0.9) * parameter
            kept["average"] = moved.clone()


PLANTED = [
    update_case(
        "another optimizer",
        lambda: K.Adam(0.01),
        sound=lambda net: KerasAdam(net.parameters(), 0.01),
        faulty=lambda net: optim.RMSprop(net.parameters(), 0.01),
    ),
    update_case(
        "AMSGrad left out",
        lambda: K.Adam(0.01, amsgrad=True),
        sound=lambda net: KerasAdam(net.parameters(), 0.01, amsgrad=True),
        faulty=lambda net: optim.Adam(net.parameters(), 0.01),
    ),
    update_case(
        "AMSGrad added",
        lambda: K.Adam(0.01),
        sound=lambda net: KerasAdam(net.parameters(), 0.01),
        faulty=lambda net: optim.Adam(net.parameters(), 0.01, amsgrad=True),
    ),
    update_case(
        "centering left out in RMSprop",
        lambda: K.RMSprop(0.01, centered=True),
        sound=CenteredRMSprop,
        faulty=lambda net: KerasRMSprop(net.parameters(), 0.01),
    ),
    update_case(
        "centering added in RMSprop",
        lambda: K.RMSprop(0.01),
        sound=lambda net: KerasRMSprop(net.parameters(), 0.01),
        faulty=lambda net: optim.RMSprop(net.parameters(), 0.01, centered=True),
    ),
    update_case(
        "momentum left out",
        lambda: K.SGD(0.1, momentum=0.9),
        sound=lambda net: KerasSGD(net.parameters(), 0.1, momentum=0.9),
        faulty=lambda net: optim.SGD(net.parameters(), 0.1),
    ),
    update_case(
        "momentum added",
        lambda: K.SGD(0.1),
        sound=lambda net: optim.SGD(net.parameters(), 0.1),
        faulty=lambda net: optim.SGD(net.parameters(), 0.1, momentum=0.9),
    ),
    update_case(
        "moving average of the weights left out",
        lambda: K.SGD(0.1, use_ema=True, ema_momentum=0.9),
        sound=AveragingSGD,
        faulty=lambda net: optim.SGD(net.parameters(), 0.1),
    ),
    update_case(
        "another start of the accumulator in Adagrad",
        lambda: K.Adagrad(0.01),
        sound=lambda net: KerasAdagrad(net.parameters(), 0.01),
        faulty=lambda net: optim.Adagrad(net.parameters(), 0.01),
    ),
]
