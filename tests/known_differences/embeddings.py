"""Planted differences in embeddings, and in what follows on them."""

import math
from collections.abc import Sequence
from functools import partial

import keras
import numpy as np
from torch import Tensor, nn

from tests.known_differences.planting import STEPS, Batch
from tests.known_differences.single_layers import layer_case

L = keras.layers
TOKENS, TIME, FEATURES = 6, 4, 4
embedding = partial(L.Embedding, TOKENS, FEATURES, name="embedding")
sound = partial(nn.Embedding, TOKENS, FEATURES)


def texts() -> Sequence[Batch]:
    """Return batches of 5 texts of 4 tokens, padded with 0 in the end, and their targets."""
    source = np.random.default_rng(4)
    tokens = source.integers(1, TOKENS, size=(STEPS, 5, TIME))
    tokens[:, :3, 2:] = 0
    return [(text, source.normal(size=(5, 2))) for text in tokens]


def averaged() -> keras.Model:
    """Return an embedding whose vectors are averaged, those of the padding left out."""
    return keras.Sequential(
        [keras.Input((TIME,)), embedding(mask_zero=True), L.GlobalAveragePooling1D(name="pool")]
    )


def masked_mean(module: nn.Module, tokens: Tensor) -> Tensor:
    """Return the mean of the vectors of all tokens but 0."""
    mask = (tokens != 0)[:, :, None]
    mean: Tensor = (module(tokens) * mask).sum(1) / mask.sum(1)
    return mean


def scaled(module: nn.Module, tokens: Tensor) -> Tensor:
    """Return the vectors, multiplied by the root of their size."""
    vectors: Tensor = module(tokens) * math.sqrt(FEATURES)
    return vectors


case = partial(layer_case, layer=embedding, shape=(TIME,), sound=sound, batches=texts)

PLANTED = [
    case("row of the padding frozen", faulty=partial(sound, padding_idx=0)),
    case("gradient divided by the frequency", faulty=partial(sound, scale_grad_by_freq=True)),
    case("vectors cut to a norm", faulty=partial(sound, max_norm=0.05)),
    case("embedding scaled", faulty=sound, faulty_forward=scaled),
    case(
        "padding averaged",
        layer=averaged,
        faulty=sound,
        forward=masked_mean,
        faulty_forward=lambda module, tokens: module(tokens).mean(1),
    ),
]
