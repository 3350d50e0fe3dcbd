"""The planted difference in the gradient of an embedding."""

import keras
import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from keras_for_torch import KerasRMSprop
from parity_ladder import TorchSide, pair
from tests.known_differences.planting import STEPS, Batch, Planted

L = keras.layers


def text_model() -> keras.Model:
    """A regression on texts of 4 tokens out of 3, most of which occur several times."""
    model = keras.Sequential(
        [keras.Input((4,), dtype="int32"), L.Embedding(3, 2), L.Flatten(), L.Dense(1)]
    )
    model.compile(keras.optimizers.RMSprop(0.01), "mean_squared_error")
    return model


def text_port(model: keras.Model, faulty: bool) -> TorchSide:
    """Return its port; the faulty one has a dense gradient."""
    net = nn.Sequential(nn.Embedding(3, 2, sparse=not faulty), nn.Flatten(), nn.Linear(8, 1))
    optimizer = KerasRMSprop(net.parameters(), lr=0.01)

    def step(tokens: Tensor, values: Tensor) -> None:
        optimizer.zero_grad()
        functional.mse_loss(net(tokens), values).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return TorchSide(net, step, optimizer, pairs=pair(model, net, quiet=True))


def texts() -> list[Batch]:
    """Return batches of 5 texts and the values to predict."""
    source = np.random.default_rng(1)
    return [(source.integers(0, 3, (5, 4)), source.normal(size=(5, 1))) for _ in range(STEPS)]


PLANTED = [Planted("occurrences of a token added up", text_model, text_port, texts)]
