"""Known differences in attention, and in the blocks that it stands in."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from parity_ladder.keras_side.randomness import as_array
from parity_ladder.known_differences.attention_again import Attention, attention_at, shown_at
from parity_ladder.known_differences.calling_again import called_again
from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import Array, LayerPlace
from parity_ladder.known_differences.recomputing import nearest

_L = keras.layers
_SOURCE = "keras/src/layers/attention/multi_head_attention.py; torch/nn/modules/activation.py"
_SCALED = "keras/src/layers/attention/multi_head_attention.py; torch/nn/functional.py"


def _of(place: LayerPlace, *candidates: Attention) -> Array | None:
    return nearest(place.ours, [shown_at(place, each) for each in candidates])


@known("attention scaled by another root", rung="layer outputs", area="layers", source=_SCALED)
def other_scale(place: LayerPlace) -> Any:
    """The port divides the scores by another number, such as the root of all features, or not.

    Keras divides by the root of `key_dim`, the size of one head. Write
    `scores / math.sqrt(key_dim)`; `F.scaled_dot_product_attention` does so if it gets the heads.
    """
    attention = attention_at(place)
    if attention is None:
        return None
    size = attention.kernels["query/kernel"].shape[-1]
    right = 1 / math.sqrt(size)
    wrong = {1.0, 1 / size, 1 / math.sqrt(attention.query.shape[-1])}
    wrong |= {1 / math.sqrt(size * attention.kernels["query/kernel"].shape[1])}
    factors = [scale / right for scale in sorted(wrong) if not math.isclose(scale, right)]
    return _of(place, *(attention.with_changes(factor=factor) for factor in factors))


@known("another number of heads", rung="layer outputs", area="layers", source=_SOURCE)
def other_heads(place: LayerPlace) -> Any:
    """The port's attention has another number of heads; the shapes of its weights do not tell.

    Write Keras' `num_heads` as `nn.MultiheadAttention(num_heads * key_dim, num_heads)`.
    """
    attention = attention_at(place)
    if attention is None or isinstance(place.layer, _L.Softmax):
        return None
    _, heads, size = attention.kernels["query/kernel"].shape
    if attention.kernels["value/kernel"].shape[1:] != (heads, size):
        return None
    numbers = [n for n in range(1, heads * size + 1) if heads * size % n == 0 and n != heads]
    return _of(place, *(attention.with_heads(number) for number in numbers))


@known("causal mask left out", rung="layer outputs", area="layers", source=_SOURCE)
def no_causal_mask(place: LayerPlace) -> Any:
    """The port's attention sees the future: Keras' was called with `use_causal_mask=True`.

    Write `F.scaled_dot_product_attention(q, k, v, is_causal=True)`, or give
    `nn.MultiheadAttention` the `attn_mask` `torch.ones(t, t, dtype=torch.bool).triu(1)`.
    """
    attention = attention_at(place)
    if attention is None or not attention.is_causal:
        return None
    return _of(place, attention.with_changes(is_causal=False))


@known("attention mask left out", rung="layer outputs", area="layers", source=_SOURCE)
def no_mask(place: LayerPlace) -> Any:
    """The port's attention has no mask, and Keras' has one: given, or made by `mask_zero=True`.

    Give `nn.MultiheadAttention` the opposite as `attn_mask`, or as `key_padding_mask` for the
    padding: True means ignore there.
    """
    attention = attention_at(place)
    if attention is None or not (attention.paddings or attention.explicit is not None):
        return None
    return _of(place, attention.with_changes(paddings=(), explicit=None))


@known("attention mask inverted", rung="layer outputs", area="layers", source=_SOURCE)
def inverted_mask(place: LayerPlace) -> Any:
    """The port's attention attends to what the mask is to leave out.

    True means attend in Keras and in `F.scaled_dot_product_attention`; in `nn.MultiheadAttention`,
    it means ignore. Write `attn_mask=~mask` there.
    """
    attention = attention_at(place)
    if attention is None or not (attention.paddings or attention.explicit is not None):
        return None
    explicit = None if attention.explicit is None else ~attention.explicit
    inverted = tuple(~each for each in attention.paddings)
    keys_only = attention.with_changes(
        explicit=_keys_only(inverted, explicit, attention), paddings=()
    )
    return _of(place, attention.with_changes(explicit=explicit, paddings=inverted), keys_only)


@known("padded queries attend", rung="layer outputs", area="layers", source=_SOURCE)
def padded_queries(place: LayerPlace) -> Any:
    """The port masks the keys of the padding alone, so its padded queries attend to the others.

    Keras masks the padded queries, too: they attend to all keys alike. This changes nothing if what
    follows leaves the padding out. To agree, give the padded queries the mean of all values.
    """
    attention = attention_at(place)
    if attention is None or not attention.paddings:
        return None
    masked = _keys_only(attention.paddings, attention.explicit, attention)
    return _of(place, attention.with_changes(explicit=masked, paddings=()))


def _keys_only(
    paddings: tuple[Array, ...], explicit: Array | None, attention: Attention
) -> Array | None:
    """Return the mask of pairs if paddings mask keys and no queries."""
    keys = [each[:, None, :] for each in paddings if each.shape[1] == attention.value.shape[1]]
    masks = keys if explicit is None else [*keys, explicit]
    return np.logical_and.reduce(np.broadcast_arrays(*masks)) if masks else None


@known("key and value exchanged", rung="layer outputs", area="layers", source=_SOURCE)
def exchanged(place: LayerPlace) -> Any:
    """The port's attention takes the key for the value, and the value for the key.

    Keras' arguments are `(query, value, key)`, PyTorch's `(query, key, value)`. Write
    `attention(query, key, value)` with the names of Keras' call.
    """
    attention = attention_at(place)
    if attention is None or np.array_equal(attention.key, attention.value):
        return None
    return _of(place, attention.with_changes(key=attention.value, value=attention.key))


@known(
    "normalized before the layer",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/normalization/layer_normalization.py; torch/nn/modules/transformer.py",
)
def normalized_before(place: LayerPlace) -> Any:
    """The port normalizes what goes into the layer; Keras normalizes the sum behind it.

    Keras' block is "post-norm", `norm(x + layer(x))`, and the port's "pre-norm",
    `x + layer(norm(x))`, which `nn.TransformerEncoderLayer(norm_first=True)` computes.
    """
    inputs = place.inputs[0]
    candidates: list[dict[str, Array]] = []
    for call in place.calls:
        is_norm = isinstance(call.layer, _L.LayerNormalization)
        if not is_norm or call.layer is place.layer or call.inputs[0].shape != inputs.shape:
            continue
        before = called_again(place, inputs, layer=call.layer)
        attention = attention_at(place)
        if attention is not None and isinstance(place.layer, _L.MultiHeadAttention):
            changes = {
                name: before
                for name in ("query", "key", "value")
                if np.array_equal(getattr(attention, name), inputs)
            }
            output = attention.with_changes(**changes).output()
        elif isinstance(place.layer, _L.Dense | _L.EinsumDense):
            output = called_again(place, before)
        else:
            continue
        candidates.append({place.array: output, call.name: before})
    best = nearest(place.ours, [each[place.array] for each in candidates])
    return next((each for each in candidates if each[place.array] is best), None)


@known(
    "residual connection left out",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/merging/add.py",
)
def no_residual(place: LayerPlace) -> Any:
    """The port leaves a term of a sum out, such as the way around a block.

    Keras adds two outputs before this layer: write `x + block(x)`.
    """
    sums, activation = _sums_before(place)
    return nearest(place.ours, [called_again(place, activation(one)) for one, _ in sums])


@known(
    "activation before a sum",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/merging/add.py",
)
def activated_before_the_sum(place: LayerPlace) -> Any:
    """The port applies the activation to one term of a sum, and Keras to the sum.

    Write `F.relu(x + block(x))`.
    """
    sums, activation = _sums_before(place)
    candidates = [activation(one) + other for one, other in sums]
    return nearest(place.ours, [called_again(place, each) for each in candidates])


def _sums_before(
    place: LayerPlace,
) -> tuple[list[tuple[Array, Array]], Callable[[Array], Array]]:
    """Return the terms of sums of two that go into a layer, and the activation between the two."""
    floats = [each for each in place.inputs if each.dtype.kind == "f"]
    if len(floats) != 1:
        return [], np.asarray
    total, layer = floats[0], None
    maker = place.maker()
    if maker is not None and isinstance(maker.layer, _L.Activation | _L.ReLU | _L.LeakyReLU):
        total, layer = maker.inputs[0], maker.layer

    def activation(array: Array) -> Array:
        return array if layer is None else as_array(layer.call(tf.constant(array)))

    shown = [a for call in place.calls for a in (*call.inputs, *call.outputs)]
    terms = [a.reshape(total.shape) for a in shown if _is_like(a, total) and a.any()]
    sums = [(one, two) for one in terms for two in terms if np.array_equal(one + two, total)]
    return sums, activation


def _is_like(array: Array, other: Array) -> bool:
    return array.dtype.kind == "f" and array.size == other.size


@known(
    "dot-product attention scaled",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/attention/attention.py; torch/nn/functional.py",
)
def scaled_attention(place: LayerPlace) -> Any:
    """The port divides the scores by the root of the features, as PyTorch's function does.

    Keras' `Attention` layer does not. Write `F.scaled_dot_product_attention(q, k, v, scale=1.0)`.
    """
    for call in place.calls:
        if not isinstance(call.layer, _L.Attention) or call.layer.use_scale:
            continue
        inputs = [each for each in call.inputs if each.dtype.kind == "f"]
        is_here = call.layer is place.layer
        is_before = np.array_equal(call.outputs[0].ravel(), place.inputs[0].ravel())
        if (is_here or is_before) and len(inputs) in {2, 3} and len(inputs) == len(call.inputs):
            query, value, key = inputs[0], inputs[1], inputs[-1]
            scores = query @ key.swapaxes(-1, -2) / math.sqrt(query.shape[-1])
            exponents = np.exp(scores - scores.max(-1, keepdims=True))
            outputs = exponents / exponents.sum(-1, keepdims=True) @ value
            if is_here:
                return outputs
            return called_again(place, outputs.reshape(place.inputs[0].shape))
    return None
