"""Planted differences in the variables of recurrent layers, and in their training."""

from functools import partial

import keras
import torch
from torch import Tensor, nn
from torch.nn import functional

from keras_for_torch import KerasAdam
from parity_ladder import TorchSide
from tests.known_differences.planting import Planted
from tests.known_differences.recurrent import FEATURES, TIME, UNITS, last, lstm, torch_lstm
from tests.known_differences.single_layers import layer_model, layer_port, values

L = keras.layers
SHAPE = (TIME, FEATURES)


def trained(model: keras.Model, faulty: bool, *, with_adam: bool) -> TorchSide:
    """Return a port with an LSTM; the faulty one trains both of its biases."""
    module = nn.LSTM(FEATURES, UNITS, batch_first=True) if faulty else torch_lstm()
    adam = (lambda net: KerasAdam(net.parameters(), 0.01)) if with_adam else None
    return layer_port(model, module, last, adam)


class ResetBefore(nn.Module):
    """A GRU that resets the state before the product with the recurrent kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.zeros(3 * UNITS, FEATURES))
        self.recurrent_kernel = nn.Parameter(torch.zeros(3 * UNITS, UNITS))
        self.bias = nn.Parameter(torch.zeros(3 * UNITS))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the last output."""
        hidden = inputs.new_zeros(len(inputs), UNITS)
        gates, candidate = self.recurrent_kernel[: 2 * UNITS], self.recurrent_kernel[2 * UNITS :]
        for step in inputs.unbind(1):
            reset, update, new = functional.linear(step, self.kernel, self.bias).chunk(3, 1)
            more_reset, more_update = functional.linear(hidden, gates).chunk(2, 1)
            update = torch.sigmoid(update + more_update)
            product = functional.linear(torch.sigmoid(reset + more_reset) * hidden, candidate)
            hidden = update * hidden + (1 - update) * torch.tanh(new + product)
        return hidden


def gru_port(model: keras.Model, faulty: bool) -> TorchSide:
    """Return a port with a GRU by hand; the faulty one has PyTorch's."""
    if faulty:
        return layer_port(model, nn.GRU(FEATURES, UNITS, batch_first=True), last)
    module = ResetBefore()
    port = layer_port(model, module)
    for name in ("kernel", "recurrent_kernel", "bias"):
        port.pairs[f"gru/gru_cell/{name}"] = getattr(module, name)
    return port


PLANTED = [
    Planted(
        "two trained biases",
        lambda: layer_model(lstm(), SHAPE),
        partial(trained, with_adam=False),
        values(*SHAPE),
    ),
    Planted(
        "two trained biases",
        lambda: layer_model(lstm(), SHAPE, keras.optimizers.Adam(0.01)),
        partial(trained, with_adam=True),
        values(*SHAPE),
    ),
    Planted(
        "GRU that resets before the product",
        lambda: layer_model(L.GRU(UNITS, reset_after=False, name="gru"), SHAPE),
        gru_port,
        values(*SHAPE),
    ),
]
