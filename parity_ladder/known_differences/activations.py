"""Known differences in activations, be they layers of their own or the end of another layer."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import LayerPlace
from parity_ladder.known_differences.rebuilding import without_activation
from parity_ladder.known_differences.recomputing import nearest

_L = keras.layers
_FUNCTIONS = "keras/src/activations/activations.py; torch/nn/functional.py"
_OTHERS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "relu6": functional.relu6,
    "leaky_relu": functional.leaky_relu,
    "leaky_relu of Keras": lambda x: functional.leaky_relu(x, 0.2),
    "elu": functional.elu,
    "selu": functional.selu,
    "celu": lambda x: functional.celu(x, 0.5),
    "silu": functional.silu,
    "gelu": functional.gelu,
    "gelu by tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "tanh": torch.tanh,
    "hard_tanh": functional.hardtanh,
    "sigmoid": torch.sigmoid,
    "hard_sigmoid": functional.hardsigmoid,
    "hard_silu": functional.hardswish,
    "softplus": functional.softplus,
    "softsign": functional.softsign,
    "mish": functional.mish,
    "log_sigmoid": functional.logsigmoid,
    "exponential": torch.exp,
    "softmax": lambda x: torch.softmax(x, -1),
    "log_softmax": lambda x: torch.log_softmax(x, -1),
}
"""What a port may have in the place of an activation, by Keras' name of it."""


def _name(place: LayerPlace) -> str:
    """Return the name of the activation in a layer; empty if it has none."""
    layer = place.layer
    if isinstance(layer, _L.ReLU | _L.LeakyReLU | _L.ELU | _L.Softmax):
        return {"LeakyReLU": "leaky_relu"}.get(type(layer).__name__, type(layer).__name__.lower())
    return str(getattr(getattr(layer, "activation", None), "__name__", ""))


def _before(place: LayerPlace, *names: str) -> Tensor | None:
    """Return what goes into the activation, if it has one of these names."""
    values = without_activation(place) if _name(place) in names else None
    return None if values is None else torch.from_numpy(np.ascontiguousarray(values))


@known(
    "another slope of LeakyReLU",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/activations/leaky_relu.py; torch/nn/modules/activation.py",
)
def leaky_slope(place: LayerPlace) -> Any:
    """The port's LeakyReLU has another slope for negative values, such as PyTorch's 0.01.

    Keras' layer has 0.3 unless it is given one, Keras' function `leaky_relu` 0.2. Write
    `nn.LeakyReLU(0.3)` for the one and `nn.LeakyReLU(0.2)` for the other.
    """
    values = _before(place, "leaky_relu")
    if values is None:
        return None
    own = getattr(place.layer, "negative_slope", 0.2)
    slopes = {0.01, 0.2, 0.3} - {own}
    return nearest(place.ours, [functional.leaky_relu(values, each).numpy() for each in slopes])


@known(
    "another alpha of ELU",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/activations/elu.py; torch/nn/modules/activation.py",
)
def elu_alpha(place: LayerPlace) -> Any:
    """The port's ELU has PyTorch's default `alpha` of 1.

    Keras' layer has an `alpha` of its own. Write `nn.ELU(alpha)`.
    """
    if not isinstance(place.layer, _L.ELU) or place.layer.alpha == 1:
        return None
    values = _before(place, "elu")
    return None if values is None else functional.elu(values).numpy()


@known("the other gelu", rung="layer outputs", area="layers", source=_FUNCTIONS)
def other_gelu(place: LayerPlace) -> Any:
    """The port's gelu is approximated with tanh and Keras' is not, or the other way round.

    Keras' activation `"gelu"` is exact, as `F.gelu(x)` is; `keras.ops.gelu(x)` is approximated by
    default, as `F.gelu(x, approximate="tanh")` is.
    """
    values = _before(place, "gelu")
    if values is None:
        return None
    exact, tanh = (functional.gelu(values, approximate=kind).numpy() for kind in ("none", "tanh"))
    is_exact = np.abs(exact - place.output).max() < np.abs(tanh - place.output).max()
    return tanh if is_exact else exact


@known("gelu by a sigmoid", rung="layer outputs", area="layers", source=_FUNCTIONS)
def sigmoid_gelu(place: LayerPlace) -> Any:
    """The port's gelu is `x * torch.sigmoid(1.702 * x)`, an approximation called QuickGELU.

    Keras has no such gelu. Write `F.gelu(x)` for the activation `"gelu"`.
    """
    values = _before(place, "gelu")
    return None if values is None else (values * torch.sigmoid(1.702 * values)).numpy()


@known("hard sigmoid of Keras 2", rung="layer outputs", area="layers", source=_FUNCTIONS)
def old_hard_sigmoid(place: LayerPlace) -> Any:
    """The port's hard sigmoid is that of Keras 2, `clamp(0.2 * x + 0.5, 0, 1)`.

    In Keras 3 it is `relu6(x + 3) / 6`. Write `F.hardsigmoid(x)`.
    """
    values = _before(place, "hard_sigmoid")
    return None if values is None else (0.2 * values + 0.5).clamp(0, 1).numpy()


@known("hard swish for silu", rung="layer outputs", area="layers", source=_FUNCTIONS)
def hard_swish(place: LayerPlace) -> Any:
    """The port has `F.hardswish`, an approximation in pieces, where Keras has silu, called swish.

    Write `F.silu(x)`.
    """
    values = _before(place, "silu", "swish")
    return None if values is None else functional.hardswish(values).numpy()


@known(
    "another cap of ReLU",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/activations/relu.py; torch/nn/modules/activation.py",
)
def relu_cap(place: LayerPlace) -> Any:
    """The port's ReLU is cut off at 6 where Keras' is not, or it is not where Keras' is.

    Write `F.relu(x)` for Keras' `relu`, `F.relu6(x)` for `relu6`, and `x.clamp(0, max_value)` for a
    layer `ReLU(max_value)`.
    """
    values = _before(place, "relu", "relu6")
    if values is None or getattr(place.layer, "negative_slope", None):
        return None
    has_cap = _name(place) == "relu6" or getattr(place.layer, "max_value", None) is not None
    return (functional.relu(values) if has_cap else functional.relu6(values)).numpy()


@known("linear softplus", rung="layer outputs", area="layers", source=_FUNCTIONS)
def linear_softplus(place: LayerPlace) -> Any:
    """The port's softplus is the identity above 20, as PyTorch's is: 2e-9 too little.

    Only in float64 it can be seen. Write `torch.logaddexp(x, torch.zeros_like(x))`.
    """
    values = _before(place, "softplus")
    return None if values is None else functional.softplus(values).numpy()


@known(
    "softmax over another axis",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/activations/softmax.py; torch/nn/modules/activation.py",
)
def softmax_axis(place: LayerPlace) -> Any:
    """The port's softmax runs over another axis.

    Keras' runs over the last one, the channels, unless the layer is given an `axis`. With channels
    first these are axis 1: write `x.softmax(1)` for images and `x.softmax(-1)` for sequences.
    """
    values = _before(place, "softmax")
    axis = getattr(place.layer, "axis", -1)
    if values is None or not isinstance(axis, int):
        return None
    others = [each for each in range(values.ndim) if each != axis % values.ndim]
    return nearest(place.ours, [values.softmax(each).numpy() for each in others])


@known("activation left out", rung="layer outputs", area="layers", source=_FUNCTIONS)
def no_activation(place: LayerPlace) -> Any:
    """The port has no activation here, or has it later, such as behind the next normalization.

    PyTorch's layers have none of their own. Write what Keras' layer does, such as
    `F.relu(self.conv(x))`.
    """
    return None if _name(place) in {"", "linear"} else without_activation(place)


@known("another activation", rung="layer outputs", area="layers", source=_FUNCTIONS)
def another_activation(place: LayerPlace) -> Any:
    """The port has another activation here.

    Write the one of the Keras layer, such as `F.relu(x)` for `relu`, `F.silu(x)` for `silu`, which
    is also called swish, or `F.leaky_relu(x, 0.2)` for `leaky_relu`.
    """
    name = _name(place)
    values = None if name in {"", "linear"} else _before(place, name)
    if values is None:
        return None
    others = [function(values) for own, function in _OTHERS.items() if own != name]
    return nearest(place.ours, [each.numpy() for each in others])


@known(
    "activation before the normalization",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/normalization/batch_normalization.py; torch/nn/modules/batchnorm.py",
)
def activated_too_early(place: LayerPlace) -> Any:
    """The port applies the activation before the BatchNorm, not after it.

    The Keras model normalizes first. Write `F.relu(self.norm(self.conv(x)))`.
    """
    layer = place.layer
    if not isinstance(layer, _L.BatchNormalization):
        return None
    found: dict[str, NDArray[Any]] = {}
    for call in place.users():
        if isinstance(call.layer, _L.Activation | _L.ReLU | _L.LeakyReLU | _L.ELU):
            early = np.array(call.layer.call(keras.ops.convert_to_tensor(place.inputs[0])))
            found[call.name] = found[place.array] = _normalized(place, early)
    return found or None


def _normalized(place: LayerPlace, inputs: NDArray[Any]) -> NDArray[Any]:
    """Return what the BatchNorm makes of inputs in a training step."""
    layer, weights = place.layer, place.weights
    axes = tuple(axis for axis in range(inputs.ndim) if axis != layer.axis % inputs.ndim)
    shape = [1 if axis in axes else -1 for axis in range(inputs.ndim)]
    mean, variance = inputs.mean(axes), inputs.var(axes)
    if not layer.trainable:
        mean, variance = weights["moving_mean"], weights["moving_variance"]
    scale = weights.get("gamma", 1.0) / np.sqrt(variance + layer.epsilon)
    shift = weights.get("beta", 0.0) - mean * scale
    return np.asarray(inputs * scale.reshape(shape) + shift.reshape(shape))
