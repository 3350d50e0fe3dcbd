"""Known differences in recurrent layers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from parity_ladder.known_differences.calling_again import called_again, mask_of
from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import Array, LayerPlace
from parity_ladder.known_differences.recomputing import nearest

_L = keras.layers
_GATED = _L.LSTM | _L.GRU
_SINGLE = _L.LSTM | _L.GRU | _L.SimpleRNN
_SOURCE = "keras/src/layers/rnn/rnn.py; torch/nn/modules/rnn.py"


def _halves(place: LayerPlace, *inputs: Array, **changed: Any) -> tuple[Array, Array]:
    """Return the outputs of both directions, each in the order of its own steps."""
    layer: Any = place.layer
    forward = called_again(place, *inputs, layer=layer.forward_layer, **changed)
    return forward, called_again(place, *inputs, layer=layer.backward_layer, **changed)


def _merged(place: LayerPlace, forward: Array, backward: Array, mode: str = "") -> Array:
    """Return what the layer makes of both directions; `mode` is another way to merge them."""
    layer: Any = place.layer
    if forward.ndim > 2:
        backward = backward[:, ::-1]
    merged: dict[str, Array] = {
        "concat": np.concatenate([forward, backward], axis=-1),
        "sum": forward + backward,
        "ave": (forward + backward) / 2,
        "mul": forward * backward,
    }
    return merged[mode or layer.merge_mode]


def _again(place: LayerPlace, *inputs: Array, **changed: Any) -> Array | None:
    """Return the output of a recurrent layer, be it in one direction or in both."""
    if isinstance(place.layer, _L.Bidirectional) and place.layer.merge_mode:
        return _merged(place, *_halves(place, *inputs, **changed))
    if isinstance(place.layer, _SINGLE):
        return called_again(place, *inputs, **changed)
    return None


def _last_only(place: LayerPlace, kind: Any) -> LayerPlace | None:
    """Return the place of a layer that returns its last output alone: this one, or one before.

    A port may have the right output, as a last state, and go on with another one.
    """
    calls = [call for call in place.calls if isinstance(call.layer, kind)]
    for call in reversed(calls):
        is_here = call.layer is place.layer
        is_before = np.array_equal(call.outputs[0].ravel(), place.inputs[0].ravel())
        if (is_here or is_before) and not call.layer.return_sequences:
            return replace(place, layer=call.layer, inputs=tuple(call.inputs))
    return None


def _shown(place: LayerPlace, recurrent: LayerPlace, outputs: Sequence[Array]) -> Array | None:
    """Return what the port shows at a place if its recurrent layer has one of these outputs."""
    if place.layer is recurrent.layer:
        return nearest(place.ours, outputs)
    shape = place.inputs[0].shape
    return nearest(place.ours, [called_again(place, each.reshape(shape)) for each in outputs])


@known(
    "PyTorch's activations in a recurrent layer",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/rnn/lstm.py; torch/nn/modules/rnn.py",
)
def pytorchs_activations(place: LayerPlace) -> Any:
    """The port's LSTM or GRU has tanh and sigmoid, which are fixed in PyTorch; Keras' has others.

    `activation` or `recurrent_activation` differ, such as `hard_sigmoid` in models of Keras 1 and
    2. Write the steps by hand with `nn.Parameter`s, or retrain the Keras model with the defaults.
    """
    layer: Any = place.layer
    if not isinstance(layer, _GATED):
        return None
    names = layer.activation.__name__, layer.recurrent_activation.__name__
    if names == ("tanh", "sigmoid"):
        return None
    mask = mask_of(place)
    return called_again(place, mask=mask, activation="tanh", recurrent_activation="sigmoid")


@known(
    "hard sigmoid of Keras 2 in a recurrent layer",
    rung="layer outputs",
    area="layers",
    source="keras/src/activations/activations.py; torch/nn/functional.py",
)
def hard_sigmoid_of_keras_2(place: LayerPlace) -> Any:
    """The gates of the port's recurrent layer have the hard sigmoid of Keras 2: 0.2 * x + 0.5.

    That of Keras 3 is `relu6(x + 3) / 6`: write `F.hardsigmoid(x)`.
    """
    layer: Any = place.layer
    if not isinstance(layer, _GATED) or layer.recurrent_activation.__name__ != "hard_sigmoid":
        return None
    return called_again(place, mask=mask_of(place), recurrent_activation=_old_hard_sigmoid)


def _old_hard_sigmoid(values: Any) -> Any:
    return keras.ops.clip(0.2 * values + 0.5, 0.0, 1.0)


@known(
    "another output than the last",
    rung="layer outputs",
    area="layers",
    source=_SOURCE,
)
def not_the_last(place: LayerPlace) -> Any:
    """The port takes the first output of a recurrent layer, or the mean or the maximum of all.

    Keras' returns the output of the last step, unless `return_sequences` is True. Write
    `out[:, -1]` with `batch_first=True`.
    """
    recurrent = _last_only(place, _SINGLE)
    if recurrent is None:
        return None
    steps = called_again(recurrent, mask=mask_of(recurrent), return_sequences=True)
    outputs = [steps[:, 0], steps.mean(1), steps.max(1), steps.sum(1)]
    return _shown(place, recurrent, outputs)


@known("backward direction at the last step", rung="layer outputs", area="layers", source=_SOURCE)
def backward_at_the_last_step(place: LayerPlace) -> Any:
    """The port takes `out[:, -1]` of both directions; the backward one has only begun there.

    Keras takes the last output of each direction. Write
    `torch.cat([out[:, -1, :units], out[:, 0, units:]], 1)`, or `torch.cat([h[-2], h[-1]], 1)`.
    """
    both = _last_only(place, _L.Bidirectional)
    if both is None or not both.layer.merge_mode:
        return None
    forward, backward = _halves(both, mask=mask_of(both), return_sequences=True)
    return _shown(place, both, [_merged(both, forward[:, -1], backward[:, 0])])


@known("directions merged otherwise", rung="layer outputs", area="layers", source=_SOURCE)
def merged_otherwise(place: LayerPlace) -> Any:
    """The port adds, averages or multiplies the outputs of both directions where Keras does not.

    Keras' `merge_mode` says which: PyTorch's module joins them, which is `"concat"`. For `"ave"`,
    write `(out[..., :units] + out[..., units:]) / 2`.
    """
    layer: Any = place.layer
    if not isinstance(layer, _L.Bidirectional) or layer.merge_mode not in {"sum", "ave", "mul"}:
        return None
    halves = _halves(place, mask=mask_of(place))
    others = {"sum", "ave", "mul"} - {layer.merge_mode}
    return nearest(place.ours, [_merged(place, *halves, mode) for mode in sorted(others)])


@known("backwards left out", rung="layer outputs", area="layers", source=_SOURCE)
def backwards_left_out(place: LayerPlace) -> Any:
    """The port goes through the steps in their order, and Keras' layer goes backwards.

    Write `lstm(x.flip(1))`; with `return_sequences`, Keras leaves the outputs in that order, too.
    """
    layer: Any = place.layer
    if not isinstance(layer, _SINGLE) or not layer.go_backwards:
        return None
    return called_again(place, mask=mask_of(place), go_backwards=False)


@known("batch and time exchanged", rung="layer outputs", area="layers", source=_SOURCE)
def batch_and_time_exchanged(place: LayerPlace) -> Any:
    """The port's recurrent module takes the samples of the batch for the steps.

    Keras' inputs are (batch, time, features), PyTorch's (time, batch, features). Write
    `nn.LSTM(..., batch_first=True)`.
    """
    if not isinstance(place.layer, _SINGLE):
        return None
    exchanged = place.inputs[0].swapaxes(0, 1)
    outputs: NDArray[Any] = called_again(place, exchanged, return_sequences=True).swapaxes(0, 1)
    if place.layer.return_sequences:
        return outputs
    return outputs[:, -1]


@known("padding processed", rung="layer outputs", area="layers", source=_SOURCE)
def padding_processed(place: LayerPlace) -> Any:
    """The port's recurrent module goes on through the padding, which Keras' mask leaves out.

    `mask_zero=True` or a `Masking` layer makes the mask. Write
    `pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)` before the module,
    and take its last states: `_, (h, c) = lstm(packed)`.
    """
    return None if mask_of(place) is None else _again(place)


@known("zeros for the outputs of the padding", rung="layer outputs", area="layers", source=_SOURCE)
def zeros_for_the_padding(place: LayerPlace) -> Any:
    """The port's outputs of the padding are zeros, as packed sequences leave them.

    Keras' recurrent layers repeat the last output there. Repeat it by hand:
    `out.gather(1, steps.clamp(max=lengths - 1))`, with the steps' numbers in the shape of `out`.
    """
    layer, mask = place.layer, mask_of(place)
    if not isinstance(layer, _SINGLE) or mask is None or not layer.return_sequences:
        return None
    return None if layer.zero_output_for_mask else place.output * mask[:, :, None]
