"""Planted differences in activations."""

from collections.abc import Callable
from typing import Any

import keras
import torch
from torch import Tensor, nn

from tests.known_differences.planting import Planted
from tests.known_differences.small_nets import Do, Small, planted

L = keras.layers
Function = Callable[[Tensor], Tensor]


def activation(
    entry: str,
    keras_layer: Callable[[], Any],
    sound: Function,
    faulty: Function,
    scale: float = 1.0,
) -> Planted:
    """Return an activation, a layer of its own behind a dense one, and its port."""
    return planted(
        entry,
        Small(
            lambda x: keras_layer()(L.Dense(5)(x)),
            lambda is_faulty: nn.Sequential(nn.Linear(6, 5), Do(faulty if is_faulty else sound)),
            shape=(6,),
            scale=scale,
        ),
    )


def within(entry: str, name: str, sound: Function, faulty: Function, scale: float = 1.0) -> Planted:
    """Return an activation at the end of a convolution, and its port."""
    return planted(
        entry,
        Small(
            lambda x: L.Conv2D(4, 3, activation=name)(x),
            lambda is_faulty: nn.Sequential(nn.Conv2d(3, 4, 3), Do(faulty if is_faulty else sound)),
            scale=scale,
        ),
    )


def exact_softplus(x: Tensor) -> Tensor:
    """Return the logarithm of 1 + exp(x) for large values, too."""
    return torch.logaddexp(x, torch.zeros_like(x))


def normalized(faulty: bool) -> nn.Module:
    """Return a convolution, a BatchNorm and a ReLU; `faulty` exchanges the last two."""
    layers = [nn.BatchNorm2d(4, eps=1e-3, momentum=0.0), nn.ReLU()]
    return nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), *(reversed(layers) if faulty else layers))


class Residual(nn.Module):
    """A convolution with its input added; `faulty` leaves out the ReLU behind the sum."""

    def __init__(self, faulty: bool) -> None:
        super().__init__()
        self.convolution, self.faulty = nn.Conv2d(3, 3, 3, padding=1), faulty

    def forward(self, images: Tensor) -> Tensor:
        """Return maps in the shape of the images."""
        total: Tensor = self.convolution(images) + images
        return total if self.faulty else total.relu()


def residual(x: Any) -> Any:
    """Apply a convolution, add its input, and apply a ReLU."""
    return L.ReLU()(L.Add()([L.Conv2D(3, 3, padding="same")(x), x]))


PLANTED = [
    activation("another slope of LeakyReLU", L.LeakyReLU, nn.LeakyReLU(0.3), nn.LeakyReLU()),
    within("another slope of LeakyReLU", "leaky_relu", nn.LeakyReLU(0.2), nn.LeakyReLU(0.3)),
    activation("another alpha of ELU", lambda: L.ELU(0.5), nn.ELU(0.5), nn.ELU()),
    within("the other gelu", "gelu", nn.GELU(), nn.GELU("tanh")),
    activation(
        "the other gelu",
        lambda: L.Activation(keras.ops.gelu),
        nn.GELU("tanh"),
        nn.GELU(),
    ),
    within("gelu by a sigmoid", "gelu", nn.GELU(), lambda x: x * torch.sigmoid(1.702 * x)),
    activation(
        "hard sigmoid of Keras 2",
        lambda: L.Activation("hard_sigmoid"),
        nn.Hardsigmoid(),
        lambda x: torch.clamp(0.2 * x + 0.5, 0, 1),
    ),
    within(
        "hard sigmoid of Keras 2",
        "hard_sigmoid",
        nn.Hardsigmoid(),
        lambda x: torch.clamp(0.2 * x + 0.5, 0, 1),
    ),
    within("hard swish for silu", "swish", nn.SiLU(), nn.Hardswish()),
    within("another cap of ReLU", "relu", nn.ReLU(), nn.ReLU6(), scale=20.0),
    activation(
        "another cap of ReLU",
        lambda: L.ReLU(max_value=2.0),
        lambda x: x.clamp(0, 2),
        nn.ReLU(),
        5.0,
    ),
    activation(
        "linear softplus", lambda: L.Activation("softplus"), exact_softplus, nn.Softplus(), 30.0
    ),
    planted(
        "softmax over another axis",
        Small(
            lambda x: L.Softmax()(L.Conv2D(4, 3)(x)),
            lambda faulty: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Softmax(-1 if faulty else 1)),
        ),
    ),
    planted(
        "softmax over another axis",
        Small(
            lambda x: L.Conv1D(4, 3, activation="softmax")(x),
            lambda faulty: nn.Sequential(nn.Conv1d(3, 4, 3), nn.Softmax(0 if faulty else 1)),
            shape=(8, 3),
        ),
    ),
    activation("activation left out", L.ReLU, nn.ReLU(), nn.Identity()),
    within("activation left out", "relu", nn.ReLU(), nn.Identity()),
    planted("activation left out", Small(residual, Residual)),
    within("another activation", "relu", nn.ReLU(), nn.GELU()),
    within("another activation", "tanh", nn.Tanh(), nn.Sigmoid()),
    activation("another activation", lambda: L.LeakyReLU(0.3), nn.LeakyReLU(0.3), nn.ELU()),
    planted(
        "activation before the normalization",
        Small(
            lambda x: L.ReLU()(
                L.BatchNormalization(momentum=1.0)(L.Conv2D(4, 3, use_bias=False)(x))
            ),
            normalized,
        ),
    ),
]
