"""The units of a Keras model, in the order of its layers."""

from collections.abc import Iterator, Mapping
from typing import Any

import keras

from parity_ladder.keras_side.randomness import seeds_of
from parity_ladder.keras_side.watching import name_of
from parity_ladder.pairing.units import Part, Unit

_L = keras.layers
_KINDS: tuple[tuple[tuple[type, ...], str], ...] = (
    ((_L.DepthwiseConv1D, _L.DepthwiseConv2D), "depthwise"),
    ((_L.SeparableConv1D, _L.SeparableConv2D), "separable"),
    ((_L.Conv1DTranspose, _L.Conv2DTranspose, _L.Conv3DTranspose), "conv_transpose"),
    ((_L.Conv1D, _L.Conv2D, _L.Conv3D), "conv"),
    ((_L.Dense, _L.EinsumDense), "dense"),
    ((_L.BatchNormalization,), "batch_norm"),
    ((_L.LayerNormalization,), "layer_norm"),
    ((_L.GroupNormalization,), "group_norm"),
    ((_L.RMSNormalization,), "rms_norm"),
    ((_L.Embedding,), "embedding"),
    ((_L.LSTMCell,), "lstm"),
    ((_L.GRUCell,), "gru"),
    ((_L.SimpleRNNCell,), "rnn"),
    ((_L.PReLU,), "prelu"),
)
_ATTENTIONS = (_L.MultiHeadAttention,)
PROJECTIONS = ("query", "key", "value", "attention_output")
"""The four dense layers within an attention, in the order in which they are called."""


def keras_units(model: keras.Model, names: Mapping[int, str]) -> list[Unit]:
    """Return the units of the model; `names` are the names of its variables by their `id`."""
    seeds = seeds_of(model)
    found: list[Unit] = []
    seen: set[int] = set()
    for layer in _in_order(model):
        if isinstance(layer, _ATTENTIONS):
            found.append(_attention(model, layer, names, seen))
            continue
        parts = {}
        for variable in layer._trainable_variables + layer._non_trainable_variables:
            if id(variable) in seeds or id(variable) in seen:
                continue
            seen.add(id(variable))
            parts[variable.name] = _part(variable, names)
        if parts:
            found += _units(name_of(model, layer), layer, parts)
    return found


def adapted_variables(model: keras.Model, names: Mapping[int, str]) -> list[str]:
    """Return the variables of normalizing layers, which `adapt` sets and training never changes."""
    return [
        names[id(variable)]
        for layer in model._flatten_layers()
        if isinstance(layer, _L.Normalization)
        for variable in layer.variables
        if id(variable) in names
    ]


def _in_order(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """Yield a layer and all within it; those of a model in the order of the model."""
    yield layer
    if isinstance(layer, _ATTENTIONS):
        return
    if isinstance(layer, _L.Bidirectional):
        inner = [layer.forward_layer, layer.backward_layer]
    else:
        inner = list(layer._layers)
    for each in inner:
        yield from _in_order(each)


def _part(variable: keras.Variable, names: Mapping[int, str]) -> Part:
    return Part(names[id(variable)], tuple(variable.shape))


def _units(name: str, layer: keras.layers.Layer, parts: dict[str, Part]) -> list[Unit]:
    """Return the units of a layer; a separable convolution has two."""
    kind = next((kind for classes, kind in _KINDS if isinstance(layer, classes)), "")
    made = type(layer).__name__
    if kind == "separable":
        point = {"kernel": parts["pointwise_kernel"]}
        if "bias" in parts:
            point["bias"] = parts["bias"]
        return [
            Unit(name, made, "depthwise", {"kernel": parts["depthwise_kernel"]}),
            Unit(name, made, "conv", point),
        ]
    if kind == "gru" and not layer.reset_after:
        because = "PyTorch has no GRU that resets before the product (reset_after=False)"
        return [Unit(name, made, kind, parts, because)]
    if kind == "gru" and "bias" in parts:
        both = parts.pop("bias")
        half = both.shape[1:]
        parts["bias/input"] = Part(both.name, (1, *half), 0)
        parts["bias/recurrent"] = Part(both.name, (1, *half), 1)
    if kind == "depthwise":
        parts = {role.removeprefix("depthwise_"): part for role, part in parts.items()}
    return [Unit(name, made, kind, parts)]


def _attention(model: keras.Model, layer: Any, names: Mapping[int, str], seen: set[int]) -> Unit:
    parts = {}
    dense = (layer._query_dense, layer._key_dense, layer._value_dense, layer._output_dense)
    for projection, each in zip(PROJECTIONS, dense, strict=True):
        for variable in each._trainable_variables:
            seen.add(id(variable))
            parts[f"{projection}/{variable.name}"] = _part(variable, names)
    return Unit(name_of(model, layer), type(layer).__name__, "attention", parts)
