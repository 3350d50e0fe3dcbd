"""The CNN with its MLP head as an `nn.Module` that computes the same as the Keras model."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from cnn_experiment import L1, Experiment, Layer, initial_weights
from torch_cnn.weights import load_neutral_weights, torch_name

_KERAS_EPSILON = 1e-7
_ACTIVATIONS: dict[str | None, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu_,
    "sigmoid": torch.sigmoid,
    "elu": functional.elu,
    "tanh": torch.tanh,
    "softmax": lambda logits: functional.softmax(logits, dim=1),
    None: lambda features: features,
}


def activate(name: str | None, features: Tensor) -> Tensor:
    """Apply the activation of this name; softmax is over axis 1, the classes.

    ReLU overwrites the features, which saves memory.
    """
    return _ACTIVATIONS[name](features)


class FlattenAsKeras(nn.Module):
    """Flattens (batch, channels, height, width) in Keras' order: height, width, channels.

    `nn.Flatten` would put the channels first. The kernel of the first dense layer would then have
    to be permuted whenever it is copied between the frameworks.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Return (batch, height * width * channels)."""
        return features.permute(0, 2, 3, 1).flatten(1)


class ChannelsLastConv2d(nn.Conv2d):
    """`nn.Conv2d` with the channels last in memory: faster, with the same shapes and values.

    The parameters are stored as in `nn.Conv2d`; each pass makes a copy of the small kernel with the
    channels last.
    """

    def forward(self, features: Tensor, *, biased: bool = True) -> Tensor:
        """Convolve (batch, channels, height, width); with `biased=False` the bias is not added."""
        if self.in_channels == 1:
            # With one channel both layouts are the same memory; PyTorch tells them apart by the
            # stride of the channels, which is 1 if the channels are last.
            batch, _, row, column = features.stride()
            features = features.as_strided(features.shape, (batch, 1, row, column))
        kernel = self.weight.contiguous(memory_format=torch.channels_last)
        return functional.conv2d(features, kernel, self.bias if biased else None)


class CNN(nn.Module):
    """The experiment's network; submodules have the layers' names: `conv2d_1`, ..., `dense_2`."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        self.experiment = experiment
        self.layers = experiment.network.layers()
        self._regularized = tuple(torch_name(name) for name in experiment.regularized_kernels())
        self.mixed = experiment.precision == "bfloat16"
        self.seen_input = experiment.network.seen_input()
        for layer in self.layers:
            self.add_module(layer.name, _module(layer))
        self.to(getattr(torch, experiment.dtype))

    def forward(self, images_nchw: Tensor) -> Tensor:
        """Return class probabilities, shape (batch, classes), as the Keras model does."""
        return activate(self.layers[-1].activation, self.logits(images_nchw))

    def logits(self, images_nchw: Tensor) -> Tensor:
        """Return the input of the output's activation, shape (batch, classes).

        Training and evaluation use this method. It computes only what reaches the output:

        - The input is cropped to `Network.seen_input`, so that nothing is convolved that a pooling
          drops afterwards.
        - A pooling is done before the bias and the activation of its convolution, which then have
          fewer values to process. Both are increasing functions, so the largest value stays the
          largest. One case differs: if rounding makes two values equal (x + bias, with a bias far
          larger than x), the output is the same, but the gradient goes to the larger x and not to
          the first of the two.

        `outputs` computes the layers one by one, as Keras does; a test compares the two methods.
        """
        expected = self.experiment.network.input_shape
        if (*images_nchw.shape[2:], images_nchw.shape[1]) != expected:
            raise ValueError(
                f"images_nchw has shape {tuple(images_nchw.shape)}; accepted: (batch,"
                f" {expected[2]}, {expected[0]}, {expected[1]})"
            )
        height, width = self.seen_input
        features = images_nchw[:, :, :height, :width]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed):
            for layer, following in pairwise(self.layers):
                if following.kind == "MaxPooling2D":
                    # Convolution, pooling, bias, in this order.
                    features = self.apply_module(layer, features, biased=False)
                    features = self.apply_module(following, features)
                    bias = self.get_parameter(f"{layer.name}.bias").to(features.dtype)
                    features += bias.view(-1, 1, 1)
                elif layer.kind == "MaxPooling2D":
                    continue  # already done together with its convolution
                else:
                    features = self.apply_module(layer, features)
                features = activate(layer.activation, features)
            return self.apply_module(self.layers[-1], features).to(self.dtype)

    def outputs(self, images_nchw: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Yield each layer's name and output; feature maps are (batch, channels, height, width)."""
        features = images_nchw
        for layer in self.layers:
            features = self._output_of(layer, features)
            yield layer.name, features

    def _output_of(self, layer: Layer, features: Tensor) -> Tensor:
        return activate(layer.activation, self.apply_module(layer, features))

    def apply_module(self, layer: Layer, features: Tensor, *, biased: bool = True) -> Tensor:
        """Return the output of a layer before its activation; `biased` is for convolutions."""
        module = self.get_submodule(layer.name)
        output: Tensor = module(features) if biased else module(features, biased=False)
        return output

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the parameters."""
        return next(self.parameters()).dtype

    def regularized_kernels(self) -> list[nn.Parameter]:
        """Return the kernels that are regularized, in PyTorch's layout."""
        return [self.get_parameter(name) for name in self._regularized]

    def data_loss(
        self, logits: Tensor, labels: Tensor, reduction: Literal["mean", "sum"] = "mean"
    ) -> Tensor:
        """Return the categorical cross-entropy of (batch, classes) logits, a scalar, no penalty.

        `Output.crossentropy_of` decides whether it is computed from the logits or from the output,
        normalised and clipped. Source: keras/src/backend/tensorflow/nn.py.
        """
        output = self.experiment.network.output
        if output.crossentropy_of == "logits":
            return functional.cross_entropy(logits, labels, reduction=reduction)
        activated = activate(output.activation, logits)
        probabilities = activated / activated.sum(1, keepdim=True)
        clipped = probabilities.clamp(_KERAS_EPSILON, 1 - _KERAS_EPSILON)
        return functional.nll_loss(clipped.log(), labels, reduction=reduction)

    def penalty(self) -> Tensor:
        """Return the penalty, which is the regularizer's part of the loss, a scalar."""
        regularizer = self.experiment.regularizer
        strength = 0.0 if regularizer is None else regularizer.rounded_strength
        total = torch.zeros((), dtype=self.dtype, device=self.device)
        for kernel in self.regularized_kernels():
            size = kernel.abs() if isinstance(regularizer, L1) else kernel.square()
            total = total + strength * size.sum()
        return total


def _module(layer: Layer) -> nn.Module:
    match layer.kind:
        case "Conv2D":
            height, width, inputs, outputs = layer.kernel_shape
            return ChannelsLastConv2d(inputs, outputs, (height, width))
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
