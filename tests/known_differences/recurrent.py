"""Planted differences in recurrent layers."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.known_differences.planting import STEPS, Batch
from tests.known_differences.single_layers import layer_case

L = keras.layers
TIME, FEATURES, UNITS = 4, 3, 2
lstm = partial(L.LSTM, UNITS, name="lstm")


def one_bias(module: nn.LSTM) -> nn.LSTM:
    """Return a module whose second biases stay at zero, as Keras has none."""
    for name, parameter in module.named_parameters():
        if name.startswith("bias_hh"):
            parameter.requires_grad_(False)
    return module


def torch_lstm(**settings: Any) -> nn.LSTM:
    """Return the sound module."""
    return one_bias(nn.LSTM(FEATURES, UNITS, **{"batch_first": True} | settings))


def last(module: nn.Module, inputs: Tensor) -> Tensor:
    """Return the output of the last step."""
    outputs: Tensor = module(inputs)[0][:, -1]
    return outputs


def both_ends(module: nn.Module, inputs: Tensor) -> Tensor:
    """Return the last output of each direction, which is the backward one's first step."""
    outputs = module(inputs)[0]
    return torch.cat([outputs[:, -1, :UNITS], outputs[:, 0, UNITS:]], 1)


def merged(module: nn.Module, inputs: Tensor, *, mean: bool) -> Tensor:
    """Return the outputs of both directions, added or averaged."""
    outputs = module(inputs)[0]
    total: Tensor = outputs[..., :UNITS] + outputs[..., UNITS:]
    return total / 2 if mean else total


class LSTMOfGates(nn.LSTM):
    """An LSTM with other gates than the sigmoid."""

    def __init__(self, gate: Callable[[Tensor], Tensor]) -> None:
        super().__init__(FEATURES, UNITS, batch_first=True)
        one_bias(self)
        self._gate = gate

    def forward(self, inputs: Tensor) -> Any:  # type: ignore[override]
        """Return the outputs of all steps (batch, time, units), and the last state."""
        parameters: Any = self
        hidden = cell = inputs.new_zeros(len(inputs), UNITS)
        outputs = []
        for step in inputs.unbind(1):
            gates = functional.linear(step, parameters.weight_ih_l0, parameters.bias_ih_l0)
            gates = gates + functional.linear(
                hidden, parameters.weight_hh_l0, parameters.bias_hh_l0
            )
            let_in, forget, new, let_out = gates.chunk(4, 1)
            cell = self._gate(forget) * cell + self._gate(let_in) * torch.tanh(new)
            hidden = self._gate(let_out) * torch.tanh(cell)
            outputs.append(hidden)
        return torch.stack(outputs, 1), (hidden, cell)


def texts() -> Sequence[Batch]:
    """Return batches of 5 sequences, most of which end with steps of zeros, and their targets."""
    source = np.random.default_rng(5)
    batches = []
    for _ in range(STEPS):
        inputs = source.normal(size=(5, TIME, FEATURES))
        for sequence, length in zip(inputs, (2, 3, 4, 1, 3), strict=True):
            sequence[length:] = 0.0
        batches.append((inputs, source.normal(size=(5, 2))))
    return batches


def masked(**settings: Any) -> keras.Model:
    """Return an LSTM that leaves steps of zeros out."""
    inputs = keras.Input((TIME, FEATURES)), L.Masking(name="masking")
    return keras.Sequential([*inputs, lstm(**settings)])


def masked_sequences() -> keras.Model:
    """Return the mean of the outputs of such an LSTM, in which they do not count."""
    return keras.Sequential(
        [*masked(return_sequences=True).layers, L.GlobalAveragePooling1D(name="pool")]
    )


def packed(module: nn.Module, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the outputs of all steps, zeros after the last, and the last states."""
    lengths = inputs.ne(0).any(2).sum(1)
    sequences = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
    outputs, (hidden, _) = module(sequences)
    padded, _ = pad_packed_sequence(outputs, batch_first=True, total_length=TIME)
    return padded, hidden[0]


def mean_of_packed(module: nn.Module, inputs: Tensor, *, repeated: bool) -> Tensor:
    """Return the mean of the outputs that count; those behind are zeros, or `repeated` ones."""
    mask = inputs.ne(0).any(2)
    lengths = mask.sum(1, keepdim=True)
    outputs = packed(module, inputs)[0]
    if repeated:
        steps = torch.minimum(torch.arange(TIME)[None], lengths - 1)
        outputs = outputs.gather(1, steps[:, :, None].expand(-1, -1, UNITS))
    mean: Tensor = (outputs * mask[:, :, None]).sum(1) / lengths
    return mean


case = partial(layer_case, shape=(TIME, FEATURES), sound=torch_lstm, forward=last)
same_module = partial(case, faulty=torch_lstm)
hard = partial(lstm, recurrent_activation="hard_sigmoid")
both = partial(L.Bidirectional, name="both")

PLANTED = [
    case(
        "PyTorch's activations in a recurrent layer",
        hard,
        sound=lambda: LSTMOfGates(functional.hardsigmoid),
        faulty=torch_lstm,
    ),
    case(
        "hard sigmoid of Keras 2 in a recurrent layer",
        hard,
        sound=lambda: LSTMOfGates(functional.hardsigmoid),
        faulty=lambda: LSTMOfGates(lambda gate: (0.2 * gate + 0.5).clamp(0, 1)),
    ),
    same_module(
        "another output than the last",
        lstm,
        faulty_forward=lambda module, inputs: module(inputs)[0].mean(1),
    ),
    case(
        "backward direction at the last step",
        lambda: both(lstm()),
        sound=partial(torch_lstm, bidirectional=True),
        faulty=partial(torch_lstm, bidirectional=True),
        forward=both_ends,
        faulty_forward=last,
    ),
    case(
        "directions merged otherwise",
        lambda: both(lstm(return_sequences=True), merge_mode="ave"),
        sound=partial(torch_lstm, bidirectional=True),
        faulty=partial(torch_lstm, bidirectional=True),
        forward=partial(merged, mean=True),
        faulty_forward=partial(merged, mean=False),
    ),
    same_module(
        "backwards left out",
        partial(lstm, go_backwards=True),
        forward=lambda module, inputs: last(module, inputs.flip(1)),
        faulty_forward=last,
    ),
    case(
        "batch and time exchanged",
        lstm,
        faulty=partial(torch_lstm, batch_first=False),
    ),
    same_module(
        "padding processed",
        masked,
        forward=lambda module, inputs: packed(module, inputs)[1],
        faulty_forward=last,
        batches=texts,
    ),
    same_module(
        "zeros for the outputs of the padding",
        masked_sequences,
        forward=partial(mean_of_packed, repeated=True),
        faulty_forward=partial(mean_of_packed, repeated=False),
        batches=texts,
    ),
]
