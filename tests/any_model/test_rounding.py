"""What rounding excuses, and what it does not."""

from collections.abc import Sequence

import keras
import pytest
import torch
from torch import nn
from torch.nn import functional

from keras_for_torch import KerasAdam
from parity_ladder import TorchSide, pair
from tests.any_model.small_models import climbed, numbers


@pytest.mark.parametrize("factor", [1.0, -1.0])
def test_gradients_of_the_opposite_sign_are_not_rounding_beside_huge_ones(factor: float) -> None:
    inputs = keras.Input((4,))
    heads = [keras.layers.Dense(1, name=name)(inputs) for name in ("large", "small")]
    model = keras.Model(inputs, heads)
    model.compile(keras.optimizers.Adam(1e-3), ["mse", "mse"], loss_weights=[1e13, 1e-3])

    large, small = nn.Linear(4, 1), nn.Linear(4, 1)
    net = nn.ModuleList([large, small])
    for parameter in small.parameters():
        parameter.register_hook(lambda gradient: factor * gradient)  # type: ignore[no-untyped-call]
    optimizer = KerasAdam(net.parameters(), lr=1e-3)

    def step(x: torch.Tensor, y: Sequence[torch.Tensor]) -> None:
        optimizer.zero_grad()
        losses = [functional.mse_loss(one(x), each) for one, each in zip(net, y, strict=True)]
        (1e13 * losses[0] + 1e-3 * losses[1]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    pairs = pair(model, net, quiet=True)
    batches = [(x, (y, y)) for x, y in numbers()]
    result = climbed(model, TorchSide(net, step, optimizer, pairs=pairs), batches)
    assert result.holds == (factor == 1), str(result)
