"""The same gradients through an optimizer of Keras and one of PyTorch, in float64."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import torch
from numpy.typing import NDArray

import keras_ref
from keras_for_torch import InverseTimeDecay, KerasScheduler

Array = NDArray[np.float64]

RATE = 1e-2
DECAY = (RATE, 1, 1e-2)
"""The arguments of the inverse time decay under which optimizers are compared."""
UPDATES = 1000
STARTS = (np.linspace(-1, 1, 60).reshape(6, 10), np.linspace(0.5, 2, 3))
"""What the two parameters start with; call them kernel and bias."""


def gradients(updates: int = UPDATES) -> list[Array]:
    """Gradients of both parameters for each update; the kernel's are spread over six decades."""
    source = np.random.RandomState(0)
    scales = (10.0 ** np.linspace(-6, 0, STARTS[0].size).reshape(STARTS[0].shape), np.ones(1))
    return [
        source.standard_normal((updates, *start.shape)) * scale
        for start, scale in zip(STARTS, scales, strict=True)
    ]


def keras_path(
    make: Callable[..., Any],
    scheduled: bool = False,
    updates: int = UPDATES,
    penalty: float = 0.0,
    bias_decays: bool = True,
) -> list[Array]:
    """Return both parameters after every update with Keras' optimizer, compiled as in `fit`.

    `make` gets the learning rate. `penalty` is the strength of an L2 regularizer on both.
    """
    with keras_ref.floatx("float64"):
        variables = [keras.Variable(start) for start in STARTS]
        schedule = keras.optimizers.schedules.InverseTimeDecay(*DECAY)
        optimizer = make(learning_rate=schedule if scheduled else RATE)
        if not bias_decays:
            optimizer.exclude_from_weight_decay(var_list=variables[1:])
        optimizer.build(variables)
        regularizer = keras.regularizers.L2(penalty)

        @tf.function  # type: ignore[untyped-decorator]
        def run(*given: tf.Tensor) -> list[tf.Tensor]:
            paths = [tf.TensorArray(tf.float64, updates) for _ in given]
            for number in tf.range(updates):
                steps = [gradient[number] for gradient in given]
                if penalty:
                    with tf.GradientTape() as tape:
                        loss = sum(regularizer(variable) for variable in variables)
                    added = tape.gradient(loss, [variable.value for variable in variables])
                    steps = [step + more for step, more in zip(steps, added, strict=True)]
                optimizer.apply(steps, variables)
                paths = [
                    path.write(number, variable.value)
                    for path, variable in zip(paths, variables, strict=True)
                ]
            return [path.stack() for path in paths]

        return [path.numpy() for path in run(*map(tf.constant, gradients(updates)))]


def torch_path(
    make: Callable[[Any], torch.optim.Optimizer], scheduled: bool = False, updates: int = UPDATES
) -> list[Array]:
    """Return both parameters after every update with an optimizer of PyTorch.

    `make` gets the two parameters; without a schedule it has to set `RATE` itself.
    """
    parameters = [torch.nn.Parameter(torch.tensor(start)) for start in STARTS]
    optimizer = make(parameters)
    scheduler = KerasScheduler(optimizer, InverseTimeDecay(*DECAY)) if scheduled else None
    paths: list[list[Array]] = [[], []]
    for step in zip(*gradients(updates), strict=True):
        for parameter, gradient in zip(parameters, step, strict=True):
            parameter.grad = torch.tensor(gradient)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        for parameter, path in zip(parameters, paths, strict=True):
            path.append(parameter.detach().numpy().copy())
    return [np.stack(path) for path in paths]


def apart(ours: Sequence[Array], theirs: Sequence[Array]) -> float:
    """Return how far two paths part at most, on the scale of the largest parameter, about 1."""
    assert [path.shape for path in ours] == [path.shape for path in theirs]
    assert all(np.isfinite(path).all() for path in [*ours, *theirs])
    scale = max(np.abs(start).max() for start in STARTS)
    return float(
        max(np.abs(one - other).max() for one, other in zip(ours, theirs, strict=True)) / scale
    )
