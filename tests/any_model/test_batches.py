"""Which batches a climb takes, and the sentence in which it refuses others."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch import nn

from parity_ladder import KerasSide, LadderError, climb
from tests.any_model.small_models import L, eagerly, numbers, regression, sgd_port

X, Y = numbers(1)[0]


def climb_over(batches: Any, steps: int | None = None) -> None:
    model = regression()
    port = sgd_port(model, nn.Sequential(nn.Linear(4, 1)))
    with eagerly():
        result = climb(port, KerasSide(model), batches, steps=steps)
    assert result.holds, str(result)


def forever() -> Iterator[Any]:
    while True:
        yield X, Y


def other_x(change: Callable[[Any], Any]) -> tuple[Any, Any]:
    return change(X.copy()), Y


@pytest.mark.parametrize(
    "batches",
    [
        tf.data.Dataset.from_tensor_slices((X, Y)).batch(2),
        torch.utils.data.DataLoader(
            torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y)), batch_size=2
        ),
        ([X, Y], (X, Y)),
    ],
    ids=["dataset of TensorFlow", "loader of PyTorch", "tuple"],
)
def test_whatever_yields_batches_is_climbed(batches: Any) -> None:
    climb_over(batches)


def test_an_endless_source_is_climbed_for_some_steps() -> None:
    climb_over(forever(), steps=2)


@pytest.mark.parametrize(
    ("batches", "sentence"),
    [
        (forever(), "type generator, which may never end; accepted: with steps, the number"),
        (
            tf.data.Dataset.from_tensors((X, Y)).repeat(),
            "which may never end; accepted: with steps, the number of batches",
        ),
        ([other_x(lambda x: x[:, :3])], r"dense.* expected axis -1 .* received .*\(5, 3\)"),
        ([(X, Y), other_x(lambda x: x[:, :3])], r"cannot compute with a batch: Input 0 .*\(5, 3\)"),
        ([other_x(lambda x: x[:3])], r"3 samples in batch\[0\] and 5 samples in batch\[1\]"),
        ([other_x(lambda x: x.astype(str))], r"batch\[0\] has dtype <U32; accepted: numbers"),
        ([(X, Y), other_x(lambda x: x.astype(object))], r"batch\[0\] has dtype object; accepted"),
        ([other_x(lambda x: x.tolist())], r"batch\[0\]\[0\]\[0\] is a single number; accepted: Nu"),
        ([(X[:0], Y[:0])], r"batch\[0\] has shape \(0, 4\); accepted: an array with one sample"),
        ([({"a": X, "b": X[:1]}, Y)], r"5 samples in batch\[0\]\['a'\] and 1 samples in batch"),
        ([(X, Y, Y, Y)], r"a batch has 4 parts; accepted: \(x,\), \(x, y\) or \(x, y, sample_w"),
        ([other_x(lambda x: x * np.nan)], "loss of the reference is nan in step 0, with which"),
        ([(X, Y), (X, Y * np.inf)], "loss of the reference is inf in step 1, with which nothing"),
        ([X], "a batch is of type ndarray; accepted: a tuple such as"),
    ],
    ids=range(14),
)
def test_others_are_refused_in_a_sentence(batches: Any, sentence: str) -> None:
    with pytest.raises(LadderError, match=sentence):
        climb_over(batches)


def test_after_a_climb_that_ends_in_an_error_the_model_is_as_it_was() -> None:
    model = keras.Sequential(
        [keras.Input((4,)), L.Normalization(), L.Dropout(0.5), L.BatchNormalization(), L.Dense(1)]
    )
    model.layers[0].adapt(X)
    model.compile(keras.optimizers.Adam(0.1), "mse", metrics=["mae"])
    model.fit(X, Y, verbose=0)

    def everything() -> list[Any]:
        held = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
        return [(each.path, each.dtype, each.numpy().tolist()) for each in held]

    before, policies = everything(), [layer.dtype_policy for layer in model.layers]
    net = nn.Sequential(
        nn.Dropout(0.5), nn.BatchNorm1d(4, eps=1e-3, momentum=0.01), nn.Linear(4, 1)
    )
    for batches in ([(X, Y), (X[:, :3], Y)], [(X, Y), (X, Y * np.inf)]):
        with pytest.raises(LadderError):
            climb(sgd_port(model, net), KerasSide(model), batches)
        assert everything() == before
        assert [layer.dtype_policy for layer in model.layers] == policies
        assert keras.config.floatx() == keras.config.dtype_policy().name == "float32"
