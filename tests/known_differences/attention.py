"""Planted differences in attention, and in the blocks that it stands in."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.known_differences.planting import STEPS, Batch, Planted
from tests.known_differences.single_layers import layer_case

L = keras.layers
TIME, FEATURES, HEADS, SIZE = 4, 6, 2, 3
SHAPE = (TIME, FEATURES)
attention = partial(L.MultiHeadAttention, HEADS, SIZE, name="attention")


def block(build: Callable[[Any], Any]) -> Callable[[], keras.Model]:
    """Return a function that makes a model of sequences from what it computes of them."""

    def model() -> keras.Model:
        inputs = keras.Input(SHAPE)
        return keras.Model(inputs, build(inputs), name="block")

    return model


def pairs_that_attend(inputs: Any, equal: Callable[[Any, Any], Any] = torch.eq) -> Any:
    """Return a mask (batch, queries, keys): steps attend whose first features have one sign."""
    side = inputs[:, :, 0] > 0
    return equal(side[:, :, None], side[:, None, :])


def unmasked(sequences: Any) -> Any:
    return attention()(sequences, sequences)


def causal(sequences: Any) -> Any:
    return attention()(sequences, sequences, use_causal_mask=True)


def masked(sequences: Any) -> Any:
    return attention()(
        sequences, sequences, attention_mask=pairs_that_attend(sequences, keras.ops.equal)
    )


def padded(sequences: Any) -> Any:
    """Return an attention whose padding, steps of zeros, does not count afterwards."""
    steps = L.Masking(name="masking")(sequences)
    return L.GlobalAveragePooling1D(name="pool")(attention()(steps, steps))


def crossed(sequences: Any) -> Any:
    """Return an attention with another key than its value."""
    keys = L.Dense(FEATURES, name="keys")(sequences)
    return attention()(sequences, sequences, keys)


def post_norm(sequences: Any) -> Any:
    total = L.Add(name="sum")([sequences, attention()(sequences, sequences)])
    return L.LayerNormalization(name="norm")(total)


def dot_product(sequences: Any) -> Any:
    return L.Attention(name="attention")([sequences, sequences])


class Block(nn.Module):
    """The modules of all blocks."""

    def __init__(self, *, heads: int = HEADS, has_keys: bool = False, has_norm: bool = False):
        super().__init__()
        if has_keys:
            self.keys = nn.Linear(FEATURES, FEATURES)
        self.attention = nn.MultiheadAttention(FEATURES, heads, batch_first=True)
        if has_norm:
            self.norm = nn.LayerNorm(FEATURES, eps=1e-3)


def attended(module: Any, inputs: Tensor, **settings: Any) -> Tensor:
    """Return the output of the attention of a sequence to itself."""
    outputs: Tensor = module.attention(inputs, inputs, inputs, need_weights=False, **settings)[0]
    return outputs


def attended_causally(module: Any, inputs: Tensor) -> Tensor:
    future = torch.ones(TIME, TIME, dtype=torch.bool).triu(1)
    return attended(module, inputs, attn_mask=future)


def attended_in_pairs(module: Any, inputs: Tensor, *, ignored: bool) -> Tensor:
    """Return the output with a mask; `ignored`: whether it tells what to ignore."""
    mask = pairs_that_attend(inputs).repeat_interleave(HEADS, 0)
    return attended(module, inputs, attn_mask=~mask if ignored else mask)


def attended_without_padding(
    module: Any, inputs: Tensor, *, queries: bool, inverted: bool = False, all_keys: bool = False
) -> Tensor:
    """Return the mean of the steps that count; `queries`: whether padded ones are masked, too."""
    steps = inputs.ne(0).any(2)
    padding = None if all_keys else steps if inverted else ~steps
    outputs = attended(module, inputs, key_padding_mask=padding)
    if queries:
        size = FEATURES
        weight, bias = (each[-size:] for each in (module.attention.in_proj_weight, _bias(module)))
        values = functional.linear(inputs, weight, bias).mean(1, keepdim=True)
        outputs = torch.where(steps[:, :, None], outputs, module.attention.out_proj(values))
    mean: Tensor = (outputs * steps[:, :, None]).sum(1) / steps.sum(1, keepdim=True)
    return mean


def _bias(module: Any) -> Tensor:
    bias: Tensor = module.attention.in_proj_bias
    return bias


class ByHand(nn.Module):
    """An attention by hand, which divides its scores by a root of its own."""

    def __init__(self, root: float) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (
            nn.Linear(FEATURES, FEATURES) for _ in range(4)
        )
        self._root = root

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the attention of a sequence to itself."""
        query, key, value = (
            each(inputs).unflatten(-1, (HEADS, SIZE)).transpose(1, 2)
            for each in (self.query, self.key, self.value)
        )
        weights = torch.softmax(query @ key.transpose(-1, -2) / self._root, -1)
        outputs: Tensor = self.out((weights @ value).transpose(1, 2).flatten(2))
        return outputs


def with_keys(module: Any, inputs: Tensor, *, exchanged: bool) -> Tensor:
    keys = module.keys(inputs)
    key, value = (inputs, keys) if exchanged else (keys, inputs)
    outputs: Tensor = module.attention(inputs, key, value, need_weights=False)[0]
    return outputs


def before_or_after(module: Any, inputs: Tensor, *, before: bool) -> Tensor:
    if before:
        return inputs + attended(module, module.norm(inputs))
    outputs: Tensor = module.norm(inputs + attended(module, inputs))
    return outputs


def dot_products(module: Any, inputs: Tensor, **settings: Any) -> Tensor:  # noqa: ARG001
    return functional.scaled_dot_product_attention(inputs, inputs, inputs, **settings)


def texts() -> Sequence[Batch]:
    """Return batches of 5 sequences, most of which end with steps of zeros, and their targets."""
    source = np.random.default_rng(6)
    batches = []
    for _ in range(STEPS):
        inputs = source.normal(size=(5, *SHAPE))
        for sequence, length in zip(inputs, (2, 3, 3, 1, 2), strict=True):
            sequence[length:] = 0.0
        batches.append((inputs, source.normal(size=(5, 2))))
    return batches


def both_sides() -> Sequence[Batch]:
    """Return batches of 5 sequences with steps on both sides of the mask, and their targets."""
    source = np.random.default_rng(7)
    batches = []
    for _ in range(STEPS):
        inputs = source.normal(size=(5, *SHAPE))
        inputs[:, 0, 0], inputs[:, 1, 0] = 1.0, -1.0
        batches.append((inputs, source.normal(size=(5, 2))))
    return batches


case = partial(layer_case, shape=SHAPE, sound=Block, faulty=Block, forward=attended)
padding_case = partial(
    case,
    layer=block(padded),
    forward=partial(attended_without_padding, queries=True),
    batches=texts,
)
with_norm = partial(Block, has_norm=True)
norm_case = partial(
    case,
    layer=block(post_norm),
    sound=with_norm,
    faulty=with_norm,
    forward=partial(before_or_after, before=False),
)


def rectified_sum(inputs: Any) -> Any:
    """Return a dense layer behind the ReLU of a sum, as in a residual network."""
    total = L.Add(name="sum")([inputs, L.Dense(FEATURES, name="inner")(inputs)])
    return L.Dense(2, name="behind")(L.ReLU(name="relu")(total))


def sum_case(entry: str, faulty: Callable[[Any, Tensor], Tensor]) -> Planted:
    """Return a case in which the port makes something else of the layer and its inputs."""

    def with_sum(term: Callable[[Any, Tensor], Tensor]) -> Callable[[Any, Tensor], Tensor]:
        return lambda module, inputs: module[1](term(module[0], inputs))

    def modules() -> nn.Module:
        return nn.Sequential(nn.Linear(FEATURES, FEATURES), nn.Linear(FEATURES, 2))

    return layer_case(
        entry,
        block(rectified_sum),
        SHAPE,
        sound=modules,
        faulty=modules,
        forward=with_sum(lambda inner, x: (x + inner(x)).relu()),
        faulty_forward=with_sum(faulty),
    )


PLANTED = [
    case(
        "attention scaled by another root",
        block(unmasked),
        sound=lambda: ByHand(math.sqrt(SIZE)),
        faulty=lambda: ByHand(math.sqrt(FEATURES)),
        forward=lambda module, inputs: module(inputs),
    ),
    case("another number of heads", block(unmasked), faulty=partial(Block, heads=3)),
    case(
        "causal mask left out",
        block(causal),
        forward=attended_causally,
        faulty_forward=attended,
    ),
    case(
        "attention mask left out",
        block(masked),
        forward=partial(attended_in_pairs, ignored=True),
        faulty_forward=attended,
    ),
    case(
        "attention mask inverted",
        block(masked),
        forward=partial(attended_in_pairs, ignored=True),
        faulty_forward=partial(attended_in_pairs, ignored=False),
        batches=both_sides,
    ),
    padding_case(
        "padded queries attend",
        faulty_forward=partial(attended_without_padding, queries=False),
    ),
    padding_case(
        "attention mask left out",
        faulty_forward=partial(attended_without_padding, queries=False, all_keys=True),
    ),
    padding_case(
        "attention mask inverted",
        faulty_forward=partial(attended_without_padding, queries=False, inverted=True),
    ),
    case(
        "key and value exchanged",
        block(crossed),
        sound=partial(Block, has_keys=True),
        faulty=partial(Block, has_keys=True),
        forward=partial(with_keys, exchanged=False),
        faulty_forward=partial(with_keys, exchanged=True),
    ),
    norm_case(
        "normalized before the layer",
        faulty_forward=partial(before_or_after, before=True),
    ),
    norm_case(
        "residual connection left out",
        faulty_forward=lambda module, inputs: module.norm(attended(module, inputs)),
    ),
    sum_case("residual connection left out", lambda block, x: block(x).relu()),
    sum_case("activation before a sum", lambda block, x: x + block(x).relu()),
    case(
        "dot-product attention scaled",
        block(dot_product),
        sound=nn.Identity,
        faulty=nn.Identity,
        forward=partial(dot_products, scale=1.0),
        faulty_forward=dot_products,
    ),
]
