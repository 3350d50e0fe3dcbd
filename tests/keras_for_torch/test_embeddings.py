"""The gradient of an embedding: Keras squares, measures and clips each occurrence by itself."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch import nn

import keras_for_torch
import keras_ref
from parity_ladder import assert_close

TOKENS, FEATURES, UPDATES = 5, 3, 200
RULES: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.9},
    "RMSprop": {"momentum": 0.5},
    "Adam": {"amsgrad": True},
    "AdamW": {},
    "Nadam": {},
    "Adamax": {},
    "Adagrad": {},
}
CLIPPINGS: list[dict[str, float]] = [
    {},
    {"clipnorm": 0.5},
    {"clipvalue": 0.2},
    {"global_clipnorm": 0.5},
]
START = np.random.default_rng(0).normal(size=(TOKENS, FEATURES))
TEXT = np.random.default_rng(1).integers(0, TOKENS, (UPDATES, 4, 6))
"""Batches of 4 texts of 6 tokens, in which tokens occur many times."""
WEIGHTS = np.random.default_rng(2).normal(size=(6, FEATURES))


def theirs(kind: str, settings: dict[str, Any]) -> np.ndarray[Any, Any]:
    with keras_ref.floatx("float64"):
        embedding = keras.Variable(START)
        optimizer = getattr(keras.optimizers, kind)(0.01, **settings)
        optimizer.build([embedding])

    @tf.function  # type: ignore[untyped-decorator]
    def update(text: Any) -> None:
        with tf.GradientTape() as tape:
            vectors = keras.ops.take(embedding, text, axis=0)
            loss = keras.ops.mean(keras.ops.tanh(vectors * WEIGHTS))
        optimizer.apply(tape.gradient(loss, [embedding.value]), [embedding])

    with keras_ref.floatx("float64"):
        for text in TEXT:
            update(tf.constant(text))
    return np.array(keras.ops.convert_to_numpy(embedding))


def ours(kind: str, settings: dict[str, Any], *, sparse: bool = True) -> np.ndarray[Any, Any]:
    embedding = nn.Embedding(TOKENS, FEATURES, _weight=torch.tensor(START), sparse=sparse)
    made = getattr(keras_for_torch, f"Keras{kind}")
    optimizer = made(embedding.parameters(), lr=0.01, **settings)
    for text in torch.from_numpy(TEXT):
        optimizer.zero_grad()
        torch.tanh(embedding(text) * torch.from_numpy(WEIGHTS)).mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return np.array(embedding.weight.detach())


@pytest.mark.parametrize("clipping", CLIPPINGS, ids=lambda given: "".join(given) or "unclipped")
@pytest.mark.parametrize("kind", RULES)
def test_a_sparse_gradient_follows_keras(kind: str, clipping: dict[str, float]) -> None:
    settings = RULES[kind] | clipping
    assert_close(ours(kind, settings), theirs(kind, settings), 1e-12)


@pytest.mark.parametrize("kind", ["RMSprop", "Adam", "Adamax", "Adagrad", "Nadam"])
def test_a_dense_gradient_does_not(kind: str) -> None:
    """So the test above could fail: a token's occurrences are added up before they are squared."""
    settings = RULES[kind]
    apart = np.abs(ours(kind, settings, sparse=False) - theirs(kind, settings)).max()
    assert apart > 1e-3
