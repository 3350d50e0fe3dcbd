"""The port: `torch_cnn`'s model, loss, penalty, optimizer and schedule, one step at a time.

Each decision that a port can take wrongly is a method of its own, so that a known difference is
this class with one method replaced.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnn_experiment import Experiment
from cnn_experiment.variables import Variables
from parity_tests.implementation import Implementation, State, Step
from torch_cnn import CNN, build_optimizer, pick_device
from torch_cnn.loss import data_loss
from torch_cnn.step import add_l1_gradient, count_hits
from torch_cnn.weights import (
    load_neutral_optimizer_state,
    neutral_name,
    neutral_optimizer_state,
    neutral_weights,
    to_neutral_layout,
    to_torch_layout,
    torch_name,
)


class TorchPort(Implementation):
    """Computes what `torch_cnn.train` computes (a test compares them), and shows all on the way."""

    def __init__(self, experiment: Experiment, device: str = "cpu") -> None:
        super().__init__(experiment)
        self.model = self.build_model().to(pick_device(device))

    def build_model(self) -> CNN:
        """Return the network; its weights are set at every step."""
        return CNN(self.experiment)

    def build_optimizer(self) -> torch.optim.Optimizer:
        """Return the optimizer of `self.model`, without state."""
        return build_optimizer(self.model)

    def to_torch(self, array: NDArray[Any]) -> NDArray[Any]:
        """Change a variable from the neutral layout to PyTorch's."""
        return to_torch_layout(array)

    def data_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss without the penalty, a scalar."""
        return data_loss(self.model, logits, labels)

    def penalty(self) -> Tensor:
        """Return the regularizer's part of the loss, a scalar."""
        return self.model.penalty()

    def learning_rate(self, iteration: int) -> float:
        """Return the rate of the update after `iteration` updates."""
        return float(self.experiment.schedule.rates(iteration, self.experiment.dtype))

    def step(self, state: State, images_nhwc: NDArray[Any], labels: NDArray[np.int64]) -> Step:
        """Put the model and an optimizer into `state`, and make one update."""
        optimizer = self.build_optimizer()
        self._load(state, optimizer)
        images = self._images_nchw(images_nhwc)
        targets = torch.from_numpy(labels).to(self.model.device)
        rate = self.learning_rate(state.iteration)
        for group in optimizer.param_groups:
            group["lr"] = rate

        with torch.no_grad():
            penalty = self.penalty().item()
        logits = self.model.logits(images)
        loss = self.data_loss(logits, targets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        add_l1_gradient(self.model)
        gradients = self.gradients(optimizer)
        optimizer.step()
        return Step(
            data_loss=loss.item(),
            penalty=penalty,
            gradients=gradients,
            learning_rate=rate,
            state=State(
                neutral_weights(self.model),
                neutral_optimizer_state(self.model, optimizer),
                state.iteration + 1,
            ),
            hits=int(count_hits(self.model, logits, targets)),
            size=len(labels),
        )

    @torch.no_grad()
    def layer_outputs(self, state: State, images_nhwc: NDArray[Any]) -> Variables:
        """Return each layer's output by name, with the weights of `state`."""
        self._load_weights(state)
        return {
            name: (output.permute(0, 2, 3, 1) if output.ndim == 4 else output).cpu().numpy()
            for name, output in self.model.outputs(self._images_nchw(images_nhwc))
        }

    def gradients(self, optimizer: torch.optim.Optimizer) -> Variables:
        """Return the gradients that the optimizer goes by: weight decay is the penalty's."""
        decay = {
            parameter: group.get("weight_decay", 0.0)
            for group in optimizer.param_groups
            for parameter in group["params"]
        }
        return {
            neutral_name(name): _as_neutral(_grad(parameter) + decay[parameter] * parameter)
            for name, parameter in self.model.named_parameters()
        }

    def _load(self, state: State, optimizer: torch.optim.Optimizer) -> None:
        self._load_weights(state)
        load_neutral_optimizer_state(self.model, optimizer, state.optimizer, state.iteration)

    @torch.no_grad()
    def _load_weights(self, state: State) -> None:
        for name, array in state.weights.items():
            self.model.get_parameter(torch_name(name)).copy_(self._tensor(array))

    def _images_nchw(self, images_nhwc: NDArray[Any]) -> Tensor:
        return torch.from_numpy(images_nhwc).to(self.model.device).permute(0, 3, 1, 2)

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(self.to_torch(array).copy())


def _grad(parameter: nn.Parameter) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _as_neutral(tensor: Tensor) -> NDArray[Any]:
    return to_neutral_layout(tensor.detach().cpu().numpy()).copy()
