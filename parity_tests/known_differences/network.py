"""Differences in the network: layouts, flattening, pooling, arithmetic."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from cnn_experiment import Layer
from cnn_experiment.variables import Variables
from parity_tests.implementation import State
from parity_tests.known_differences.catalogue import KnownDifference, known
from torch_cnn import CNN


@known(
    "flatten order",
    rung="layer outputs",
    source="nn.Flatten puts the channels first, Keras' Flatten last",
)
class FlattenOrder(KnownDifference):
    """The maps are flattened channels first, and the dense kernel behind is not permuted for it."""

    def build_model(self) -> CNN:
        model = super().build_model()
        model.flatten = nn.Flatten()
        return model


@known(
    "kernel height and width swapped",
    rung="layer outputs",
    source="array.T turns (h, w, in, out) into (out, in, w, h)",
)
class KernelTransposed(KnownDifference):
    """A convolution's kernel is transposed as a whole, which swaps its height and width too."""

    def to_torch(self, array: NDArray[Any]) -> NDArray[Any]:
        return array.T


@known(
    "kernels flipped",
    rung="layer outputs",
    source="both frameworks correlate; the convolution of the textbooks flips",
)
class KernelsFlipped(KnownDifference):
    """A convolution's kernel is turned by 180 degrees."""

    def to_torch(self, array: NDArray[Any]) -> NDArray[Any]:
        return super().to_torch(array[::-1, ::-1] if array.ndim == 4 else array)


@known("activation forgotten", rung="layer outputs", source="Keras' Dense(activation=...)")
class ActivationForgotten(KnownDifference):
    """The first dense layer has no activation: in PyTorch it is a module of its own."""

    def build_model(self) -> CNN:
        model = super().build_model()
        model.layers = tuple(
            layer._replace(activation=None) if layer.name == "dense_1" else layer
            for layer in model.layers
        )
        return model


@known(
    "bfloat16 arithmetic",
    rung="layer outputs",
    source="torch.autocast's default on the CPU; TF32 on a GPU is alike",
)
class BFloat16(KnownDifference):
    """Convolutions and dense layers compute in bfloat16."""

    def build_model(self) -> CNN:
        return BFloat16CNN(self.experiment)


class BFloat16CNN(CNN):
    """Casts inputs and parameters of a layer, and casts its output back."""

    def apply_module(self, layer: Layer, features: Tensor, *, biased: bool = True) -> Tensor:
        module = self.get_submodule(layer.name)
        parameters = {name: p.bfloat16() for name, p in module.named_parameters()}
        settings = {} if biased else {"biased": False}
        output: Tensor = functional_call(module, parameters, features.bfloat16(), settings)
        return output.to(self.dtype)


@known(
    "pooling with ceil mode",
    rung="parameter counts and shapes",
    source="nn.MaxPool2d(ceil_mode=True); Keras pools with padding='valid'",
)
class CeilMode(KnownDifference):
    """Pooling keeps the incomplete windows at the border, so the dense layer gets more inputs."""

    def initial_state(self) -> State:
        state = super().initial_state()
        layers = self.experiment.network.layers()
        height, width, channels = self.experiment.network.input_shape
        for layer in layers:
            if layer.kind == "Conv2D":
                height, width = (
                    height - layer.kernel_shape[0] + 1,
                    width - layer.kernel_shape[1] + 1,
                )
                channels = layer.output_shape[-1]
            elif layer.kind == "MaxPooling2D":
                height, width = -(-height // layer.pool_size[0]), -(-width // layer.pool_size[1])
        units = state.weights["dense_1/kernel"].shape[1]
        kernel = np.zeros((height * width * channels, units), self.experiment.dtype)
        weights = {**state.weights, "dense_1/kernel": kernel}
        return replace(state, weights=weights)


@known(
    "softmax applied twice",
    rung="data loss",
    source="nn.CrossEntropyLoss takes logits, Keras' loss probabilities",
)
class SoftmaxTwice(KnownDifference):
    """The loss gets probabilities where it takes logits."""

    def data_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return super().data_loss(functional.softmax(logits, dim=1), labels)


@known("loss summed", rung="data loss", source="CrossEntropyLoss(reduction='sum')")
class LossSummed(KnownDifference):
    """The loss is the sum over the batch, not the average."""

    def data_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(logits, labels, reduction="sum")


@known(
    "backward twice",
    rung="gradients",
    source="PyTorch adds to .grad until zero_grad() is called",
)
class BackwardTwice(KnownDifference):
    """The backward pass runs twice on a batch, and the second adds to the gradients."""

    def data_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        loss = super().data_loss(logits, labels)
        return loss + (loss - loss.detach())


@known("NaN", rung="gradients", source="a comparison that skips what is not finite never sees it")
class OneNaN(KnownDifference):
    """One element of a gradient is not a number."""

    def gradients(self, optimizer: torch.optim.Optimizer) -> Variables:
        gradient = self.model.get_parameter("dense_1.bias").grad
        if gradient is not None:
            gradient[0] = torch.nan
        return super().gradients(optimizer)
