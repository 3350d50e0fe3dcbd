"""The network of the articles: convolutions with max pooling between them, and an MLP head.

`Network.layers` is the one place that computes shapes; both backends build their layers from it.
"""

from itertools import pairwise
from math import prod
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from cnn_experiment.value import HeightWidth, Size, Value

LayerKind = Literal["Conv2D", "MaxPooling2D", "Flatten", "Dense"]
Activation = Literal["relu", "sigmoid", "elu", "tanh", "softmax"]


_MOST_PARAMETERS = 100_000_000


class Convolution(Value):
    """A 2D convolution with stride 1 and no padding, and its activation."""

    filters: Size
    kernel_size: HeightWidth = (3, 3)
    activation: Literal["relu", "sigmoid", "elu", "tanh"] = "relu"


class Hidden(Value):
    """A hidden dense layer of the MLP head."""

    units: Size
    activation: Literal["relu", "sigmoid", "tanh"] = "relu"


class Output(Value):
    """The output layer, with one unit for each class."""

    units: Annotated[int, Field(ge=2)] = 10
    activation: Literal["softmax", "sigmoid"] = "softmax"
    crossentropy_of: Literal["logits", "probabilities"] = "logits"
    """The input of the loss. `logits`: what goes into the activation. Keras 3 on TensorFlow takes
    them for both activations, as if each were a softmax. `probabilities`: the output itself,
    divided by its sum and clipped to [1e-7, 1 - 1e-7], as Keras 2 computed the loss of a sigmoid
    at the time of the articles."""


class Layer(NamedTuple):
    """One layer. Shapes do not include the batch; feature maps are (height, width, channels)."""

    name: str
    kind: LayerKind
    output_shape: tuple[int, ...]
    kernel_shape: tuple[int, ...] = ()
    pool_size: tuple[int, int] = (1, 1)
    activation: Activation | None = None

    @property
    def parameters(self) -> int:
        """Number of elements of the kernel and the bias."""
        return prod(self.kernel_shape) + self.kernel_shape[-1] if self.kernel_shape else 0


class Network(Value):
    """Convolutions with a pooling after each but the last, hidden dense layers, an output layer."""

    input_shape: tuple[Size, Size, Size] = (28, 28, 1)
    convolutions: tuple[Convolution, ...]
    pools: tuple[HeightWidth, ...]
    hidden: tuple[Hidden, ...]
    output: Output = Output()

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        between = max(len(self.convolutions) - 1, 0)
        if len(self.pools) != between:
            raise ValueError(
                f"pools has {len(self.pools)} entries for {len(self.convolutions)} convolutions;"
                f" accepted: {between}, one fewer than convolutions"
            )
        parameters = sum(layer.parameters for layer in self.layers())
        if parameters > _MOST_PARAMETERS:
            raise ValueError(
                f"the layers have {parameters:,} parameters; accepted: at most {_MOST_PARAMETERS:,}"
            )
        return self

    def layers(self) -> tuple[Layer, ...]:
        """Every layer from the first convolution to the output, named as in the articles.

        Raises `ValueError` if a kernel or a pool is larger than the feature maps that it gets.
        """
        rows: list[Layer] = []
        height, width, channels = self.input_shape
        for number, convolution in enumerate(self.convolutions, start=1):
            name = f"conv2d_{number}"
            kernel = convolution.kernel_size
            _must_be_at_most(name, "kernel", kernel, (height, width))
            height, width = height - kernel[0] + 1, width - kernel[1] + 1
            kernel_shape = (*kernel, channels, convolution.filters)
            channels = convolution.filters
            shape = (height, width, channels)
            rows.append(
                Layer(name, "Conv2D", shape, kernel_shape, activation=convolution.activation)
            )

            if number <= len(self.pools):
                name, pool = f"max_pool_{number}", self.pools[number - 1]
                _must_be_at_most(name, "pool", pool, (height, width))
                height, width = height // pool[0], width // pool[1]
                rows.append(Layer(name, "MaxPooling2D", (height, width, channels), pool_size=pool))
        rows.append(Layer("flatten", "Flatten", (height * width * channels,)))
        rows.extend(self._dense_layers(rows[-1].output_shape[0]))
        return tuple(rows)

    def _dense_layers(self, inputs: int) -> list[Layer]:
        dense: tuple[Hidden | Output, ...] = (*self.hidden, self.output)
        sizes = pairwise([inputs, *(layer.units for layer in dense)])
        return [
            Layer(f"dense_{number}", "Dense", (size[1],), size, activation=layer.activation)
            for number, (layer, size) in enumerate(zip(dense, sizes, strict=True), start=1)
        ]

    def seen_input(self) -> tuple[int, int]:
        """Height and width of the part of the input that can change the output.

        The part starts at the top left. A pooling whose size does not divide the size of its input
        drops the last rows and columns, so the convolution before it need not compute them.
        """
        spatial = [layer for layer in self.layers() if len(layer.output_shape) == 3]
        if not spatial:
            return self.input_shape[:2]
        # Go back from the last feature maps: how much input does each layer need for its output?
        height, width = spatial[-1].output_shape[:2]
        for layer in reversed(spatial):
            if layer.kind == "MaxPooling2D":
                height, width = height * layer.pool_size[0], width * layer.pool_size[1]
            else:
                height, width = (
                    height + layer.kernel_shape[0] - 1,
                    width + layer.kernel_shape[1] - 1,
                )
        return height, width

    def variable_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every variable under its neutral name, `layer/kernel` and `layer/bias`."""
        shapes: dict[str, tuple[int, ...]] = {}
        for layer in self.layers():
            if layer.kernel_shape:
                shapes[f"{layer.name}/kernel"] = layer.kernel_shape
                shapes[f"{layer.name}/bias"] = layer.kernel_shape[-1:]
        return shapes


def _must_be_at_most(
    name: str, what: str, size: tuple[int, int], available: tuple[int, int]
) -> None:
    if size[0] > available[0] or size[1] > available[1]:
        raise ValueError(
            f"{name} has a {what} of {size[0]}x{size[1]}, larger than the"
            f" {available[0]}x{available[1]} that reach it; accepted: at most"
            f" {available[0]}x{available[1]}"
        )
