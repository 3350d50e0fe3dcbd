"""Two mistakes in one port are named one after the other: those in layers."""

from collections.abc import Sequence
from functools import partial

import keras
import pytest
import torch
from torch import Tensor, nn, optim
from torch.nn import functional

from keras_for_torch import KerasBatchNorm1d
from parity_ladder import TorchSide, pair
from tests.known_differences import recurrent
from tests.known_differences.planting import Planted, climbed
from tests.known_differences.single_layers import (
    RATE,
    channels_first,
    layer_model,
    layer_port,
    values,
)

L = keras.layers
FEATURES = 4


def two_layers_model() -> keras.Model:
    """Return two normalizations and a dropout, each behind a dense layer."""
    model = keras.Sequential(
        [
            keras.Input((FEATURES,)),
            L.Dense(3, name="first"),
            L.BatchNormalization(name="batch"),
            L.Dense(3, name="second"),
            L.LayerNormalization(name="layer"),
            L.Dropout(0.2, name="dropout"),
            L.Dense(2, name="head"),
        ]
    )
    model.compile(keras.optimizers.SGD(RATE), "mse")
    return model


def two_layers_port(
    model: keras.Model, batch: nn.Module, layer: nn.Module, dropout: nn.Module
) -> TorchSide:
    """Return its port with these modules."""
    dense = nn.Linear(FEATURES, 3), nn.Linear(3, 3), nn.Linear(3, 2)
    net = nn.Sequential(dense[0], batch, dense[1], layer, dropout, dense[2])
    optimizer = optim.SGD(net.parameters(), RATE)

    def step(inputs: Tensor, targets: Tensor) -> None:
        optimizer.zero_grad()
        functional.mse_loss(net(inputs), targets).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return TorchSide(net, step, optimizer, pairs=pair(model, net, quiet=True))


def pytorchs_defaults(model: keras.Model, _: bool) -> TorchSide:
    """Return a port with all of PyTorch's defaults, as a first port has them."""
    return two_layers_port(model, nn.BatchNorm1d(3), nn.LayerNorm(3), nn.Dropout())


def frozen_norm_and_no_dropout(model: keras.Model, _: bool) -> TorchSide:
    """Return a port whose LayerNorm is frozen, and which drops nothing."""
    norm = nn.LayerNorm(3, eps=1e-3).requires_grad_(False)
    return two_layers_port(model, KerasBatchNorm1d(3), norm, nn.Identity())


def first_output_and_both_biases(model: keras.Model, _: bool) -> TorchSide:
    """Return a port with PyTorch's LSTM as it is, of which it takes the first output."""
    module = nn.LSTM(recurrent.FEATURES, recurrent.UNITS, batch_first=True)
    return layer_port(model, module, lambda lstm, inputs: lstm(inputs)[0][:, 0])


def groups_and_epsilon(model: keras.Model, _: bool) -> TorchSide:
    """Return a port with PyTorch's epsilon, and a head that is frozen."""
    port = layer_port(model, nn.GroupNorm(2, FEATURES), channels_first)
    for parameter in port.module.head.parameters():  # type: ignore[union-attr]
        parameter.requires_grad_(False)
    return port


PAIRS: list[tuple[Planted, Sequence[str]]] = [
    (
        Planted("", two_layers_model, pytorchs_defaults, values(FEATURES)),
        [
            "epsilon of BatchNorm",
            "epsilon of LayerNorm",
            "another dropout rate",
            "another momentum of BatchNorm",
            "unbiased running variance",
        ],
    ),
    (
        Planted("", two_layers_model, frozen_norm_and_no_dropout, values(FEATURES)),
        ["dropout left out", "parameter frozen in the port"],
    ),
    (
        Planted(
            "",
            lambda: layer_model(recurrent.lstm(), (recurrent.TIME, recurrent.FEATURES)),
            first_output_and_both_biases,
            values(recurrent.TIME, recurrent.FEATURES),
        ),
        ["another output than the last", "two trained biases"],
    ),
    (
        Planted(
            "",
            partial(layer_model, L.GroupNormalization(2, name="norm"), (3, FEATURES)),
            groups_and_epsilon,
            values(3, FEATURES),
        ),
        ["epsilon of GroupNorm", "parameter frozen in the port"],
    ),
]


@pytest.mark.parametrize(("planted", "names"), PAIRS, ids=lambda value: getattr(value, "entry", ""))
def test_two_mistakes_and_more_are_named_one_after_the_other(
    planted: Planted, names: Sequence[str]
) -> None:
    torch.manual_seed(0)
    result = climbed(planted, faulty=True)
    assert [cause.name for cause in result.causes] == names, str(result)
