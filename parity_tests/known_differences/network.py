"""Known differences in the network: layouts, flattening, pooling, arithmetic, loss."""

from functools import partial
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from cnn_experiment import Layer
from parity_ladder import Arrays
from parity_tests.known_differences.catalogue import known
from parity_tests.torch_side import TorchPort
from torch_cnn import CNN


@known(
    "flatten order",
    rung="layer outputs",
    source="nn.Flatten puts the channels first, Keras' Flatten last",
)
class FlattenOrder(TorchPort):
    """The maps are flattened channels first, but the next dense kernel is not permuted to match."""

    def build_model(self) -> CNN:
        model = super().build_model()
        model.flatten = nn.Flatten()
        return model


@known(
    "kernel height and width swapped",
    rung="layer outputs",
    source="array.T turns (h, w, in, out) into (out, in, w, h)",
)
class KernelTransposed(TorchPort):
    """A convolution's kernel is transposed as a whole, which swaps its height and width too."""

    def to_torch(self, array: NDArray[Any]) -> NDArray[Any]:
        return super().to_torch(array.swapaxes(0, 1) if array.ndim == 4 else array)


@known(
    "kernels flipped",
    rung="layer outputs",
    source="both frameworks correlate; the convolution of the textbooks flips",
)
class KernelsFlipped(TorchPort):
    """A convolution's kernel is turned by 180 degrees."""

    def to_torch(self, array: NDArray[Any]) -> NDArray[Any]:
        return super().to_torch(array[::-1, ::-1] if array.ndim == 4 else array)


@known("activation forgotten", rung="layer outputs", source="Keras' Dense(activation=...)")
class ActivationForgotten(TorchPort):
    """The first dense layer has no activation, which in PyTorch is a module of its own."""

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
class BFloat16(TorchPort):
    """Convolutions and dense layers compute in bfloat16."""

    def build_model(self) -> CNN:
        model = super().build_model()
        model.apply_module = partial(in_bfloat16, model)  # type: ignore[method-assign]
        return model


def in_bfloat16(model: CNN, layer: Layer, features: Tensor, *, biased: bool = True) -> Tensor:
    """Compute a layer with its inputs and parameters cast to bfloat16; cast its output back."""
    module = model.get_submodule(layer.name)
    parameters = {name: p.bfloat16() for name, p in module.named_parameters()}
    settings = {} if biased else {"biased": False}
    output: Tensor = functional_call(module, parameters, features.bfloat16(), settings)
    return output.to(model.dtype)


@known(
    "pooling with ceil mode",
    rung="parameter counts and shapes",
    source="nn.MaxPool2d(ceil_mode=True); Keras pools with padding='valid'",
)
class CeilMode(TorchPort):
    """Pooling keeps the incomplete windows at the border, so the dense layer gets more inputs."""

    def build_model(self) -> CNN:
        model = super().build_model()
        height, width, channels = self.experiment.network.input_shape
        for layer in self.experiment.network.layers():
            if layer.kind == "Conv2D":
                height = height - layer.kernel_shape[0] + 1
                width = width - layer.kernel_shape[1] + 1
                channels = layer.output_shape[-1]
            elif layer.kind == "MaxPooling2D":
                pool = nn.MaxPool2d(layer.pool_size, ceil_mode=True)
                model.add_module(layer.name, pool)
                height, width = -(-height // layer.pool_size[0]), -(-width // layer.pool_size[1])
        units = model.get_parameter("dense_1.weight").shape[0]
        dense = nn.Linear(height * width * channels, units, dtype=model.dtype)
        nn.init.zeros_(dense.weight)  # the same start in every test
        nn.init.zeros_(dense.bias)
        model.add_module("dense_1", dense)
        return model


@known(
    "softmax applied twice",
    rung="data loss",
    source="nn.CrossEntropyLoss takes logits, Keras' loss probabilities",
)
class SoftmaxTwice(TorchPort):
    """The loss is given probabilities, but it expects logits."""

    def data_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return super().data_loss(functional.softmax(logits, dim=1), labels)


@known("loss summed", rung="data loss", source="CrossEntropyLoss(reduction='sum')")
class LossSummed(TorchPort):
    """The loss is the sum over the batch, not the mean."""

    def data_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return super().data_loss(logits, labels) * len(labels)


@known(
    "backward twice",
    rung="gradients",
    source="PyTorch adds to .grad until zero_grad() is called",
)
class BackwardTwice(TorchPort):
    """The backward pass runs twice on a batch, and the second adds to the gradients."""

    def data_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        loss = super().data_loss(logits, labels)
        return loss + (loss - loss.detach())


@known("NaN", rung="gradients", source="a comparison that skips what is not finite never sees it")
class OneNaN(TorchPort):
    """One element of a gradient is not a number."""

    def gradients(self, optimizer: torch.optim.Optimizer) -> Arrays:
        gradient = self.model.get_parameter("dense_1.bias").grad
        if gradient is not None:
            gradient[0] = torch.nan
        return super().gradients(optimizer)
