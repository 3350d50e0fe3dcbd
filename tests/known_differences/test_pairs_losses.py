"""Two mistakes in the loss or around it, in one port, are named one after the other."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as ports write it

from parity_ladder import TorchSide, pair
from tests.known_differences.planting import STEPS, Batch, Planted, climbed

L = keras.layers
optimizers = keras.optimizers
Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]


def model_with(optimizer: keras.optimizers.Optimizer, penalty: float = 0.0) -> keras.Model:
    """Return a small classifier of images, whose labels are smoothed."""
    regularizer = keras.regularizers.L2(penalty) if penalty else None
    model = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            L.Conv2D(4, 3, kernel_regularizer=regularizer),
            L.Flatten(),
            L.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer, keras.losses.CategoricalCrossentropy(label_smoothing=0.1))
    return model


class Net(nn.Module):
    """Its port."""

    def __init__(self, order: tuple[int, ...] = (0, 1, 2)) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(16, 3)
        self.order = order

    def forward(self, images: Tensor) -> Tensor:
        """Return the scores of images, channels last."""
        maps = self.conv(images[..., list(self.order)].permute(0, 3, 1, 2))
        scores: Tensor = self.head(maps.permute(0, 2, 3, 1).flatten(1))
        return scores


def sound(net: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """The model's loss."""
    return F.cross_entropy(net(images), labels, label_smoothing=0.1)


def added_up(net: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """The same, added up over the batch."""
    return F.cross_entropy(net(images), labels, label_smoothing=0.1, reduction="sum")


def not_smoothed(net: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """The loss without label smoothing."""
    return F.cross_entropy(net(images), labels)


def port_with(
    model: keras.Model,
    net: nn.Module,
    loss: Loss,
    optimizer: Callable[..., torch.optim.Optimizer],
    *,
    clears: bool = True,
) -> TorchSide:
    """Return a port with a loss and an optimizer of its own."""
    made = optimizer(net.parameters())

    def step(images: Tensor, labels: Tensor) -> None:
        if clears:
            made.zero_grad()
        loss(net, images, labels).backward()  # type: ignore[no-untyped-call]
        made.step()

    return TorchSide(net, step, made, pairs=pair(model, net, quiet=True))


def batches() -> Sequence[Batch]:
    """Return images and one-hot labels."""
    source = np.random.default_rng(1)
    return [
        (source.normal(size=(5, 4, 4, 3)), np.eye(3)[source.integers(0, 3, 5)])
        for _ in range(STEPS)
    ]


def sgd(parameters: object) -> torch.optim.Optimizer:
    """The sound port's optimizer."""
    return torch.optim.SGD(parameters, lr=0.1)  # type: ignore[arg-type]


def adam(parameters: object) -> torch.optim.Optimizer:
    """PyTorch's Adam, whose epsilon is another one than Keras'."""
    return torch.optim.Adam(parameters, lr=0.01, eps=1e-3)  # type: ignore[arg-type]


def decaying(parameters: object) -> torch.optim.Optimizer:
    """SGD whose weight decay is Keras' strength of the penalty."""
    return torch.optim.SGD(parameters, lr=0.1, weight_decay=0.0625)  # type: ignore[arg-type]


def momentum(parameters: object) -> torch.optim.Optimizer:
    """SGD with another momentum than the model's."""
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.8)  # type: ignore[arg-type]


Port = Callable[[keras.Model], TorchSide]
PAIRS: dict[tuple[str, str], tuple[Callable[[], keras.Model], Port]] = {
    ("colours in reverse order", "label smoothing left out"): (
        lambda: model_with(optimizers.SGD(0.1)),
        lambda model: port_with(model, Net((2, 1, 0)), not_smoothed, sgd),
    ),
    ("loss added up over the batch", "epsilon hat in Adam"): (
        lambda: model_with(optimizers.Adam(0.01, epsilon=1e-3)),
        lambda model: port_with(model, Net(), added_up, adam),
    ),
    ("penalty left out", "another momentum"): (
        lambda: model_with(optimizers.SGD(0.1, momentum=0.9), penalty=0.0625),
        lambda model: port_with(model, Net(), sound, momentum),
    ),
    ("label smoothing left out", "penalty left out"): (
        lambda: model_with(optimizers.SGD(0.1), penalty=0.0625),
        lambda model: port_with(model, Net(), not_smoothed, sgd),
    ),
    ("loss added up over the batch", "half the penalty, of all weights"): (
        lambda: model_with(optimizers.SGD(0.1), penalty=0.0625),
        lambda model: port_with(model, Net(), added_up, decaying),
    ),
    ("gradients not cleared", "another momentum"): (
        lambda: model_with(optimizers.SGD(0.1, momentum=0.9)),
        lambda model: port_with(model, Net(), sound, momentum, clears=False),
    ),
}


@pytest.mark.parametrize("names", PAIRS, ids=" and ".join)
def test_two_mistakes_are_named_one_after_the_other(names: tuple[str, str]) -> None:
    model, port = PAIRS[names]
    result = climbed(Planted(names[0], model, lambda made, _: port(made), batches), faulty=True)
    assert tuple(cause.name for cause in result.causes or ()) == names, str(result)
