"""The CNN with its MLP head as an `nn.Module` that computes what Keras' model computes."""

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
    "relu": functional.relu,
    "sigmoid": torch.sigmoid,
    "elu": functional.elu,
    "tanh": torch.tanh,
    "softmax": lambda logits: functional.softmax(logits, dim=1),
    None: lambda features: features,
}


def activate(name: str | None, features: Tensor) -> Tensor:
    """Apply the activation of this name; softmax goes along the classes."""
    return _ACTIVATIONS[name](features)


class FlattenAsKeras(nn.Module):
    """Flattens (batch, channels, height, width) in Keras' order: height, width, channels.

    `nn.Flatten` would put the channels first, and the kernel of the first dense layer would then
    have to be permuted on its way between the frameworks.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Return (batch, height * width * channels)."""
        return features.permute(0, 2, 3, 1).flatten(1)


class ChannelsLastConv2d(nn.Conv2d):
    """`nn.Conv2d` that computes with the channels last in memory: faster, same shapes and values.

    The parameters stay as in any module; the small kernel is laid out anew for each pass.
    """

    def forward(self, features: Tensor, *, biased: bool = True) -> Tensor:
        """Convolve (batch, channels, height, width); the bias can be left to the caller."""
        if self.in_channels == 1:  # either layout then, so the strides have to tell which
            batch, _, row, column = features.stride()
            features = features.as_strided(features.shape, (batch, 1, row, column))
        kernel = self.weight.contiguous(memory_format=torch.channels_last)
        return functional.conv2d(features, kernel, self.bias if biased else None)


class CNN(nn.Module):
    """Submodules bear the layers' names (`conv2d_1`, `max_pool_1`, ..., `dense_2`)."""

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
        """Class probabilities, shape (batch, classes), like the Keras model's output."""
        return activate(self.layers[-1].activation, self.logits(images_nchw))

    def logits(self, images_nchw: Tensor) -> Tensor:
        """What goes into the output's activation, shape (batch, classes).

        The way of training and evaluation, which computes only what reaches the output:

        - The input is cropped to `Network.seen_input`: what a pooling would drop is not convolved.
        - A pooling comes before the bias and the activation of its convolution, which then have a
          fraction of the values to work on. Neither turns the order of two values round, so the
          largest stays the largest. Where rounding makes equals of two (x + bias for a bias that is
          far larger than x), the output is the same, but the gradient goes to the larger x and not
          to the first.

        `outputs` goes through the layers one by one, as Keras does; a test compares both.
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
                    features = self.apply_module(layer, features, biased=False)
                    features = self.apply_module(following, features)
                    bias = self.get_parameter(f"{layer.name}.bias").to(features.dtype)
                    features += bias.view(-1, 1, 1)
                elif layer.kind == "MaxPooling2D":
                    continue
                else:
                    features = self.apply_module(layer, features)
                features = activate(layer.activation, features)
            return self.apply_module(self.layers[-1], features).to(self.dtype)

    def outputs(self, images_nchw: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Name and output of each layer; maps are (batch, channels, height, width)."""
        features = images_nchw
        for layer in self.layers:
            features = self._output_of(layer, features)
            yield layer.name, features

    def _output_of(self, layer: Layer, features: Tensor) -> Tensor:
        return activate(layer.activation, self.apply_module(layer, features))

    def apply_module(self, layer: Layer, features: Tensor, *, biased: bool = True) -> Tensor:
        """Output of a layer before its activation; a convolution's may lack its bias."""
        module = self.get_submodule(layer.name)
        output: Tensor = module(features) if biased else module(features, biased=False)
        return output

    @property
    def device(self) -> torch.device:
        """Where the parameters lie."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The parameters' dtype."""
        return next(self.parameters()).dtype

    def regularized_kernels(self) -> list[nn.Parameter]:
        """Weights that the regularizer is laid on, in PyTorch's layout."""
        return [self.get_parameter(name) for name in self._regularized]

    def data_loss(
        self, logits: Tensor, labels: Tensor, reduction: Literal["mean", "sum"] = "mean"
    ) -> Tensor:
        """Categorical cross-entropy of (batch, classes) logits, without the penalty; a scalar.

        Of the logits, or of the output's normalised and clipped values: `Output.crossentropy_of`.
        Source: keras/src/backend/tensorflow/nn.py.
        """
        output = self.experiment.network.output
        if output.crossentropy_of == "logits":
            return functional.cross_entropy(logits, labels, reduction=reduction)
        activated = activate(output.activation, logits)
        probabilities = activated / activated.sum(1, keepdim=True)
        clipped = probabilities.clamp(_KERAS_EPSILON, 1 - _KERAS_EPSILON)
        return functional.nll_loss(clipped.log(), labels, reduction=reduction)

    def penalty(self) -> Tensor:
        """The regularizer's part of the loss, a scalar."""
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
