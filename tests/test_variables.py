"""Weights that are not a model's own kind are refused by either backend, and nothing is changed."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import keras_ref
import torch_cnn
from cnn_experiment import UserError, preset

Weights = dict[str, NDArray[Any]]


def without_a_bias(weights: Weights) -> None:
    del weights["dense_1/bias"]


def with_another_name(weights: Weights) -> None:
    weights["dense_9/bias"] = weights.pop("dense_1/bias")


def with_torch_s_layout(weights: Weights) -> None:
    weights["dense_1/kernel"] = weights["dense_1/kernel"].T


def in_float64(weights: Weights) -> None:
    weights["dense_2/kernel"] = weights["dense_2/kernel"].astype(np.float64)


@pytest.mark.parametrize("backend", [torch_cnn, keras_ref], ids=["torch", "keras"])
@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (without_a_bias, "accepted: ['conv2d_1/bias', 'conv2d_1/kernel'"),
        (with_another_name, "'dense_9/bias'"),
        (with_torch_s_layout, "dense_1/kernel is float32 (70, 576); accepted: float32 (576, 70)"),
        (in_float64, "dense_2/kernel is float64 (70, 10); accepted: float32 (70, 10)"),
    ],
)
def test_weights_of_another_kind_are_refused(
    backend: ModuleType, spoil: Any, sentence: str
) -> None:
    model = backend.build_model(preset("article-2"))
    before = backend.neutral_weights(model)
    weights = {name: array + 1 for name, array in before.items()}
    spoil(weights)
    with pytest.raises(UserError) as error:
        backend.load_neutral_weights(model, weights)
    assert sentence in str(error.value)
    after = backend.neutral_weights(model)
    assert all(np.array_equal(after[name], before[name]) for name in before)
