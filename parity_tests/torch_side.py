"""The port: `torch_cnn`'s own step, one at a time.

Each decision that a port can take wrongly is a method, so that a known difference is a subclass
that replaces one method.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import torch_cnn
from cnn_experiment import Digits, Experiment, epoch_batches, load_mnist
from parity_ladder import Arrays, Shapes, Side, State, Step
from parity_tests.digit_batches import DigitBatch, with_the_same_digits
from torch_cnn import CNN, build_model, build_optimizer, pick_device, train_step
from torch_cnn.evaluation import images_on_device
from torch_cnn.process import exact_on_cuda
from torch_cnn.weights import (
    load_neutral_optimizer_state,
    neutral_name,
    neutral_optimizer_state,
    neutral_weights,
    to_neutral_layout,
    to_torch_layout,
    torch_name,
)

_load_mnist = lru_cache(maxsize=2)(
    load_mnist
)  # a cache apart from the reference's: shared arrays prove nothing


class TorchPort(Side[DigitBatch]):
    """Computes what `torch_cnn.train` computes, which a test checks, and shows every step of it."""

    def __init__(self, experiment: Experiment, device: str = "cpu") -> None:
        self.experiment = experiment
        if device != "cpu":
            exact_on_cuda()
        self.model = self.build_model().to(pick_device(device))
        self._as_built = neutral_weights(self.model)
        self.model.data_loss = self.data_loss  # type: ignore[method-assign, assignment]
        self.model.penalty = self.penalty  # type: ignore[method-assign]

    # The decisions of a port, in the order of the rungs

    def digits(self) -> Digits:
        """Return the images and labels that the port trains on."""
        return _load_mnist(with_the_same_digits(self.experiment))

    def epoch_batches(self, epoch: int) -> list[NDArray[np.int64]]:
        """Return the images' indices, batch by batch; `epoch` counts from 0."""
        experiment = self.experiment
        images, size = experiment.data.train_images, experiment.batch_size
        return epoch_batches(experiment.seed, epoch, images, size)

    def build_model(self) -> CNN:
        """Return the network with its initial weights."""
        return build_model(self.experiment)

    def initial_weights(self) -> Arrays:
        """Return the initial weights, in the neutral layout, which is Keras'."""
        return self._as_built

    def initial_optimizer_state(self) -> Arrays:
        """Return what the optimizer keeps before the first update."""
        return self.experiment.initial_optimizer_state()

    def to_torch(self, array: NDArray[Any]) -> NDArray[Any]:
        """Change a variable from the neutral layout to PyTorch's."""
        return to_torch_layout(array)

    def data_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss without the penalty, a scalar."""
        return type(self.model).data_loss(self.model, logits, labels)

    def penalty(self) -> Tensor:
        """Return the regularizer's part of the loss, a scalar."""
        return type(self.model).penalty(self.model)

    def learning_rate(self, iteration: int) -> float:
        """Return the learning rate of the update that follows `iteration` updates."""
        return self.scheduled_rate(self.scheduled_iteration(iteration))

    def scheduled_iteration(self, iteration: int) -> int:
        """Return the count of updates that is passed to the schedule."""
        return iteration

    def scheduled_rate(self, iteration: int) -> float:
        """Return the learning rate of the schedule after `iteration` updates."""
        return float(self.experiment.schedule.rates(iteration, self.experiment.dtype))

    def build_optimizer(self) -> torch.optim.Optimizer:
        """Return the optimizer of `self.model`, without state."""
        return build_optimizer(self.model)

    def gradients(self, optimizer: torch.optim.Optimizer) -> Arrays:
        """Return the gradients of data loss plus penalty; weight decay is the penalty's part."""
        decay = {
            parameter: group.get("weight_decay", 0.0)
            for group in optimizer.param_groups
            for parameter in group["params"]
        }
        return {
            neutral_name(name): _as_neutral(_grad(parameter) + decay[parameter] * parameter)
            for name, parameter in self.model.named_parameters()
        }

    def reported_loss(self, step: Step) -> float:
        """Return what a step adds to the epoch's loss."""
        return (step.data_loss or 0.0) + (step.penalty or 0.0)

    def weight_in_loss(self, step: Step) -> int:
        """Return what a step's loss counts in the epoch's average."""
        return step.size or 0

    # The interface of the ladder

    def data(self) -> Arrays:
        """Return the images and labels as PyTorch holds them, in the layout of the reference."""
        digits = self.digits()

        def held(images_nhwc: NDArray[Any]) -> NDArray[Any]:
            images = images_on_device(images_nhwc, self.model).permute(0, 2, 3, 1)
            return np.array(images.cpu().numpy())

        return {
            "train_images_nhwc": held(digits.train_images_nhwc),
            "train_labels": digits.train_labels,
            "test_images_nhwc": held(digits.test_images_nhwc),
            "test_labels": digits.test_labels,
        }

    def batches(self) -> list[list[NDArray[np.int64]]]:
        """Return the images' indices, epoch by epoch and batch by batch."""
        return [self.epoch_batches(epoch) for epoch in range(self.experiment.epochs)]

    def variable_shapes(self) -> Shapes:
        """Return the shapes of the model's parameters, in the neutral layout."""
        return {name: array.shape for name, array in self._as_built.items()}

    def initial_state(self) -> State:
        """Return the state before the first step."""
        return State(self.initial_weights(), self.initial_optimizer_state())

    def step(self, state: State, batch: DigitBatch) -> Step:
        """Load `state` into the model and an optimizer, and make one update."""
        optimizer = self.build_optimizer()
        self._load_weights(state)
        load_neutral_optimizer_state(self.model, optimizer, state.optimizer, state.iteration)
        rate = self.learning_rate(state.iteration)
        for group in optimizer.param_groups:
            group["lr"] = rate

        before_update: list[tuple[float, float, Arrays]] = []

        def keep(data_loss: Tensor, penalty: Tensor) -> None:
            before_update.append((data_loss.item(), penalty.item(), self.gradients(optimizer)))

        images = images_on_device(batch.images_nhwc, self.model)
        labels = torch.from_numpy(batch.labels).to(self.model.device)
        _, hits = train_step(self.model, optimizer, images, labels, before_update=keep)
        ((data_loss, penalty, gradients),) = before_update
        return Step(
            state=State(
                neutral_weights(self.model),
                neutral_optimizer_state(self.model, optimizer),
                state.iteration + 1,
            ),
            data_loss=data_loss,
            penalty=penalty,
            gradients=gradients,
            learning_rate=rate,
            hits=int(hits),
            size=len(batch.labels),
        )

    def layer_outputs(self, state: State, batch: DigitBatch) -> Arrays:
        """Return each layer's output by name, with the weights of `state`."""
        self._load_weights(state)
        return torch_cnn.layer_outputs(self.model, batch.images_nhwc)

    def epoch_metrics(self, steps: Sequence[Step]) -> Mapping[str, float]:
        """Average over the epoch's images, as `torch_cnn.train` does."""
        images = sum(step.size or 0 for step in steps)
        weight = sum(self.weight_in_loss(step) for step in steps)
        loss = sum(self.reported_loss(step) * self.weight_in_loss(step) for step in steps)
        return {"loss": loss / weight, "accuracy": sum(step.hits or 0 for step in steps) / images}

    @torch.no_grad()
    def _load_weights(self, state: State) -> None:
        for name, array in state.weights.items():
            values = torch.from_numpy(self.to_torch(array).copy())
            self.model.get_parameter(torch_name(name)).copy_(values)


def _grad(parameter: nn.Parameter) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _as_neutral(tensor: Tensor) -> NDArray[Any]:
    return to_neutral_layout(tensor.detach().cpu().numpy()).copy()
