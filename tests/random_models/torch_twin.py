"""The PyTorch twin of a recipe, as a careful user would write it."""

from collections.abc import Callable
from typing import Any

import keras
import torch
from torch import Tensor, nn
from torch.nn import functional

from keras_for_torch import KerasAdagrad, KerasAdam, KerasAdamW, KerasRMSprop, KerasSGD
from keras_for_torch.batch_norm import KerasBatchNorm1d, KerasBatchNorm2d
from tests.random_models.keras_twin import CLASSES, TOKENS, layer_of
from tests.random_models.recipes import Piece, Recipe

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": functional.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "elu": functional.elu,
    "silu": functional.silu,
    "softplus": lambda x: functional.softplus(x, threshold=1e9),
    "gelu": functional.gelu,
}


class TorchTwin(nn.Module):
    """The twin. Images are (batch, channels, height, width) within it, sequences as in Keras."""

    def __init__(self, recipe: Recipe, model: keras.Model) -> None:
        super().__init__()
        self.recipe = recipe
        shape = tuple(model.input_shape)
        self.embedding: nn.Embedding | None = None
        if recipe.tokens:
            self.embedding = nn.Embedding(TOKENS, recipe.channels + 1, sparse=True)
            shape = (*shape, recipe.channels + 1)
        blocks: list[nn.Module] = []
        for piece in recipe.pieces:
            layer = layer_of(piece, recipe, shape)
            if layer is not None:
                block = (SequenceBlock if recipe.sequence else ImageBlock)(piece, shape)
                blocks.append(block)
                shape = tuple(layer.compute_output_shape(shape))
        self.blocks = nn.ModuleList(blocks)
        size = 1
        for n in shape[1:]:
            size *= n
        self.head = nn.Linear(size, CLASSES)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits (batch, classes) of inputs in Keras' layout."""
        x = inputs if self.embedding is None else self.embedding(inputs)
        if not self.recipe.sequence:
            x = x.permute(0, 3, 1, 2)
        for block in self.blocks:
            x = block(x)
        if not self.recipe.sequence:
            x = x.permute(0, 2, 3, 1)
        logits: Tensor = self.head(x.flatten(1))
        return logits


def padding_of(length: int, window: int, stride: int) -> tuple[int, int]:
    """Return how much Keras' `same` pads before and after, for inputs of this length."""
    total = max((-(-length // stride) - 1) * stride + window - length, 0)
    return total // 2, total - total // 2


class ImageBlock(nn.Module):
    """A layer on images (batch, channels, height, width); `shape` is Keras' shape of its inputs."""

    def __init__(self, piece: Piece, shape: tuple[Any, ...]) -> None:
        super().__init__()
        self.piece = piece
        channels, size, window, stride = shape[-1], piece.size, piece.window, piece.stride
        self.pad = padding_of(shape[1], window, stride) if piece.same else (0, 0)
        self.layer: nn.Module = nn.Identity()
        self.second: nn.Module = nn.Identity()
        bias = piece.bias
        match piece.kind:
            case "conv":
                self.layer = nn.Conv2d(channels, size, window, stride, bias=bias)
            case "transposed":
                beyond = max(stride - window, 0)  # Keras' outputs are a multiple of the stride
                self.layer = nn.ConvTranspose2d(
                    channels, size, window, stride, output_padding=beyond, bias=bias
                )
            case "depthwise":
                self.layer = nn.Conv2d(
                    channels, channels * size, window, stride, groups=channels, bias=bias
                )
            case "separable":
                self.layer = nn.Conv2d(
                    channels, channels, window, stride, groups=channels, bias=False
                )
                self.second = nn.Conv2d(channels, size, 1, bias=bias)
            case "batch_norm":
                self.layer = KerasBatchNorm2d(channels)
            case "group_norm":
                self.layer = nn.GroupNorm(1, channels, eps=1e-3)
            case "prelu":
                self.layer = KerasPReLU(channels)
            case "dropout":
                self.layer = nn.Dropout(size / 10)
            case "upsampling":
                self.layer = nn.Upsample(scale_factor=2)

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's outputs."""
        piece, (before, after) = self.piece, self.pad
        around = (before, after, before, after)
        activation = ACTIVATIONS[piece.activation]
        window, stride = piece.window, piece.stride
        match piece.kind:
            case "max_pool":
                padded = functional.pad(x, around, value=-torch.inf)
                return functional.max_pool2d(padded, window, stride)
            case "average_pool":
                counted = functional.pad(torch.ones_like(x), around)
                summed = functional.avg_pool2d(functional.pad(x, around), window, stride)
                return summed / functional.avg_pool2d(counted, window, stride)
            case "activation":
                return activation(x)
            case "conv" | "depthwise" | "separable":
                outputs: Tensor = self.second(self.layer(functional.pad(x, around)))
                return activation(outputs)
            case "transposed":
                outputs = self.layer(x)
                return activation(outputs)
        last: Tensor = self.layer(x)
        return last


class KerasPReLU(nn.PReLU):
    """A PReLU whose gradient at exactly 0 is 0, as Keras', and not the weight."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs of images (batch, channels, height, width)."""
        return functional.relu(x) - self.weight[:, None, None] * functional.relu(-x)


class SequenceBlock(nn.Module):
    """A layer on sequences (batch, steps, features)."""

    def __init__(self, piece: Piece, shape: tuple[Any, ...]) -> None:
        super().__init__()
        self.piece = piece
        features, size, window, stride = shape[-1], piece.size, piece.window, piece.stride
        self.pad = padding_of(shape[1], window, stride) if piece.same else (0, 0)
        self.layer: nn.Module
        recurrent = {"batch_first": True, "bias": piece.bias}
        match piece.kind:
            case "conv":
                self.layer = nn.Conv1d(features, size, window, stride, bias=piece.bias)
            case "lstm":
                self.layer = with_one_bias(nn.LSTM(features, size, **recurrent))
            case "gru":
                self.layer = nn.GRU(features, size, **recurrent)
            case "rnn":
                self.layer = with_one_bias(nn.RNN(features, size, **recurrent))
            case "bidirectional":
                both = nn.LSTM(features, size, bidirectional=True, **recurrent)
                self.layer = with_one_bias(both)
            case "layer_norm":
                self.layer = nn.LayerNorm(features, eps=1e-3)
            case "attention":
                self.layer = Attention(features, size, window)
            case "dropout":
                self.layer = nn.Dropout(size / 10)
            case "batch_norm":
                self.layer = KerasBatchNorm1d(features)
            case _:
                self.layer = nn.Linear(features, size, bias=piece.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's outputs."""
        activation = ACTIVATIONS[self.piece.activation]
        match self.piece.kind:
            case "conv":
                outputs: Tensor = self.layer(functional.pad(x.transpose(1, 2), self.pad))
                return activation(outputs.transpose(1, 2))
            case "batch_norm":
                outputs = self.layer(x.transpose(1, 2))
                return outputs.transpose(1, 2)
            case "lstm" | "gru" | "rnn" | "bidirectional":
                outputs, _ = self.layer(x)
                return outputs
            case "dense":
                outputs = self.layer(x)
                return activation(outputs)
        last: Tensor = self.layer(x)
        return last


class Attention(nn.Module):
    """Attention of a sequence to itself with heads of any size, out of four dense layers."""

    def __init__(self, features: int, heads: int, size: int) -> None:
        super().__init__()
        self.heads, self.size = heads, size
        self.query = nn.Linear(features, heads * size)
        self.key = nn.Linear(features, heads * size)
        self.value = nn.Linear(features, heads * size)
        self.out = nn.Linear(heads * size, features)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs in the shape of `x` (batch, steps, features)."""

        def split(projected: Tensor) -> Tensor:
            batch, steps, _ = projected.shape
            return projected.view(batch, steps, self.heads, self.size).transpose(1, 2)

        query, key, value = split(self.query(x)), split(self.key(x)), split(self.value(x))
        weights = (query @ key.transpose(-1, -2) / self.size**0.5).softmax(-1)
        outputs: Tensor = self.out((weights @ value).transpose(1, 2).flatten(2))
        return outputs


def with_one_bias(layer: nn.RNNBase) -> nn.RNNBase:
    """Keep the second of PyTorch's two biases at 0, so that one of them trains, as in Keras."""
    for name, parameter in layer.named_parameters():
        if name.startswith("bias_hh"):
            parameter.requires_grad_(False).zero_()
    return layer


def optimizer_of(recipe: Recipe, twin: TorchTwin) -> torch.optim.Optimizer:
    """Return the optimizer with Keras' equation; the penalty is coupled weight decay."""
    clipping: Any = {recipe.clipping: 0.1} if recipe.clipping else {}
    parameters = list(twin.parameters())
    match recipe.optimizer:
        case "momentum":
            return KerasSGD(parameters, 0.01, momentum=0.9, **clipping)
        case "nesterov":
            return KerasSGD(parameters, 0.01, momentum=0.9, nesterov=True, **clipping)
        case "adam":
            return KerasAdam(parameters, 0.01, **clipping)
        case "adamw":
            return KerasAdamW(parameters, 0.01, **clipping)
        case "rmsprop":
            return KerasRMSprop(parameters, 0.01, momentum=0.5, **clipping)
        case "adagrad":
            return KerasAdagrad(parameters, 0.01, **clipping)
    return KerasSGD(parameters, 0.01, **clipping)


def loss_of(recipe: Recipe, outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the loss without the penalty."""
    match recipe.loss:
        case "classes":
            return functional.cross_entropy(outputs, targets)
        case "binary":
            return functional.binary_cross_entropy_with_logits(outputs, targets)
        case "huber":
            return functional.huber_loss(outputs, targets, delta=0.5)
        case "mean_absolute_error":
            return functional.l1_loss(outputs, targets)
    return functional.mse_loss(outputs, targets)
