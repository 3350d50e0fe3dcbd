"""The CNN with its MLP head as an `nn.Module` that computes what Keras' model computes."""

from collections.abc import Callable, Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnn_experiment import Experiment, Layer, initial_weights
from torch_cnn.weights import load_neutral_weights

_ACTIVATIONS: dict[str | None, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "sigmoid": torch.sigmoid,
    "elu": functional.elu,
    "tanh": torch.tanh,
    "softmax": lambda logits: functional.softmax(logits, dim=1),
    None: lambda features: features,
}


class FlattenAsKeras(nn.Module):
    """Flattens (batch, channels, height, width) in Keras' order: height, width, channels.

    `nn.Flatten` would put the channels first, and the kernel of the first dense layer would then
    have to be permuted on its way between the frameworks.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Return (batch, height * width * channels)."""
        return features.permute(0, 2, 3, 1).flatten(1)


class CNN(nn.Module):
    """Submodules bear the layers' names (`conv2d_1`, `max_pool_1`, ..., `dense_2`)."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        self.experiment = experiment
        self.layers = experiment.network.layers()
        for layer in self.layers:
            self.add_module(layer.name, _module(layer))
        self.to(getattr(torch, experiment.dtype))
        self.to(
            memory_format=torch.channels_last
        )  # faster on the CPU; changes no shape and no value

    def forward(self, images_nchw: Tensor) -> Tensor:
        """Class probabilities, shape (batch, classes), like the Keras model's output."""
        return _ACTIVATIONS[self.layers[-1].activation](self.logits(images_nchw))

    def logits(self, images_nchw: Tensor) -> Tensor:
        """What goes into the softmax, shape (batch, classes): the loss is computed from these.

        Keras does the same: its categorical cross-entropy looks behind a softmax for the logits.
        """
        features = images_nchw
        for layer in self.layers[:-1]:
            features = self._output_of(layer, features)
        return self.apply_module(self.layers[-1], features)

    def outputs(self, images_nchw: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Name and output of each layer; maps are (batch, channels, height, width)."""
        features = images_nchw
        for layer in self.layers:
            features = self._output_of(layer, features)
            yield layer.name, features

    def _output_of(self, layer: Layer, features: Tensor) -> Tensor:
        return _ACTIVATIONS[layer.activation](self.apply_module(layer, features))

    def apply_module(self, layer: Layer, features: Tensor) -> Tensor:
        """Output of a layer before its activation."""
        return self.get_submodule(layer.name)(features)  # type: ignore[no-any-return]

    @property
    def device(self) -> torch.device:
        """Where the parameters lie."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The parameters' dtype."""
        return next(self.parameters()).dtype

    def dense_kernels(self) -> list[nn.Parameter]:
        """Weights of the dense layers, (out, in): the ones that the regularizer is laid on."""
        modules = (self.get_submodule(layer.name) for layer in self.layers)
        return [cast(nn.Parameter, m.weight) for m in modules if isinstance(m, nn.Linear)]

    def penalty(self) -> Tensor:
        """The regularizer's part of the loss, a scalar."""
        kernels = self.dense_kernels()
        if self.experiment.regularizer is None:
            return kernels[0].new_zeros(())
        strength = self.experiment.regularizer.rounded_strength
        return torch.stack([strength * kernel.square().sum() for kernel in kernels]).sum()


def _module(layer: Layer) -> nn.Module:
    match layer.kind:
        case "Conv2D":
            height, width, inputs, outputs = layer.kernel_shape
            return nn.Conv2d(inputs, outputs, (height, width))
        case "MaxPooling2D":
            return nn.MaxPool2d(layer.pool_size)
        case "Flatten":
            return FlattenAsKeras()
        case "Dense":
            inputs, outputs = layer.kernel_shape
            return nn.Linear(inputs, outputs)


def build_model(experiment: Experiment) -> CNN:
    """Return the experiment's network on the CPU, with the initial weights of its seed."""
    model = CNN(experiment)
    weights = initial_weights(experiment.network, experiment.seed, experiment.dtype)
    load_neutral_weights(model, weights)
    return model
