"""The network of the articles: convolutions with max pooling between them, and an MLP head.

`Network.layers` is the one place where shapes are worked out; both backends build from its rows.
"""

from itertools import pairwise
from math import prod
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from cnn_experiment.value import Pair, Size, Value

LayerKind = Literal["Conv2D", "MaxPooling2D", "Flatten", "Dense"]
Activation = Literal["relu", "sigmoid", "elu", "tanh", "softmax"]


_MOST_PARAMETERS = 100_000_000


class Convolution(Value):
    """A 2D convolution, stride 1, without padding, and its activation."""

    filters: Size
    kernel_size: Pair = (3, 3)
    activation: Literal["relu", "sigmoid", "elu", "tanh"] = "relu"


class Hidden(Value):
    """A hidden dense layer of the MLP head."""

    units: Size
    activation: Literal["relu", "sigmoid", "tanh"] = "relu"


class Output(Value):
    """The output layer: one unit a class."""

    units: Annotated[int, Field(ge=2)] = 10
    activation: Literal["softmax", "sigmoid"] = "softmax"
    crossentropy_of: Literal["logits", "probabilities"] = "logits"
    """What the loss looks at. Keras 3 on TensorFlow takes the logits behind either activation, as
    if it were a softmax. `probabilities`: the output itself, divided by its sum and clipped to
    [1e-7, 1 - 1e-7], as Keras 2 did behind a sigmoid at the time of the articles."""


class Layer(NamedTuple):
    """A row of a network's summary. Shapes leave out the batch; maps: (height, width, channels)."""

    name: str
    kind: LayerKind
    output_shape: tuple[int, ...]
    kernel_shape: tuple[int, ...] = ()
    pool_size: tuple[int, int] = (1, 1)
    activation: Activation | None = None

    @property
    def parameters(self) -> int:
        """Count of the kernel's and the bias' elements."""
        return prod(self.kernel_shape) + self.kernel_shape[-1] if self.kernel_shape else 0


class Network(Value):
    """Convolutions, the pooling after each but the last, hidden dense layers, output layer."""

    input_shape: tuple[Size, Size, Size] = (28, 28, 1)
    convolutions: tuple[Convolution, ...]
    pools: tuple[Pair, ...]
    hidden: tuple[Hidden, ...]
    output: Output = Output()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
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

        Raises `ValueError` where a kernel or a pool is larger than what reaches it.
        """
        rows: list[Layer] = []
        height, width, channels = self.input_shape
        for number, convolution in enumerate(self.convolutions, start=1):
            name = f"conv2d_{number}"
            kernel = convolution.kernel_size
            _must_fit(name, "kernel", kernel, (height, width))
            height, width = height - kernel[0] + 1, width - kernel[1] + 1
            kernel_shape = (*kernel, channels, convolution.filters)
            channels = convolution.filters
            shape = (height, width, channels)
            rows.append(
                Layer(name, "Conv2D", shape, kernel_shape, activation=convolution.activation)
            )
            if number <= len(self.pools):
                name, pool = f"max_pool_{number}", self.pools[number - 1]
                _must_fit(name, "pool", pool, (height, width))
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
        """Height and width of the part of the input, from its top left, that reaches the output.

        A pooling drops the last rows and columns where its size does not divide what it gets, and
        the convolution before it need not compute them.
        """
        spatial = [layer for layer in self.layers() if len(layer.output_shape) == 3]
        if not spatial:
            return self.input_shape[:2]
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


def _must_fit(name: str, what: str, size: tuple[int, int], reaching: tuple[int, int]) -> None:
    if size[0] > reaching[0] or size[1] > reaching[1]:
        raise ValueError(
            f"{name} has a {what} of {size[0]}x{size[1]}, larger than the"
            f" {reaching[0]}x{reaching[1]} that reach it; accepted: at most"
            f" {reaching[0]}x{reaching[1]}"
        )
