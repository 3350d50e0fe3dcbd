"""The passes that the articles began with; their detours are to be chosen one by one."""

from collections.abc import Sequence
from typing import NamedTuple

from numpy_mlp.network import Matrix, add_penalty_gradient, sigmoid, with_ones


class Detours(NamedTuple):
    """What the articles took out of their program."""

    to_input_layer: bool = False
    """Propagate the deltas to the input layer too, the largest product of all, for nothing."""
    sigmoid_again: bool = False
    """Compute the sigmoid once more for its derivative, with a row of ones added in between."""


def propagate(
    weights: Sequence[Matrix],
    images: Matrix,
    one_hot: Matrix,
    *,
    detours: Detours,
    l1: float = 0.0,
    l2: float = 0.0,
) -> tuple[Matrix, list[Matrix]]:
    """Return what `numpy_mlp.propagate` returns, more slowly."""
    inputs, outputs = [images.T], [with_ones(images.T)]
    for matrix in weights:
        inputs.append(matrix @ outputs[-1])
        outputs.append(with_ones(sigmoid(inputs[-1])))
    last = outputs[-1][1:]

    delta = last - one_hot
    found: list[Matrix] = []
    for number in reversed(range(len(weights))):
        gradient = delta @ outputs[number].T
        found.append(add_penalty_gradient(gradient, weights[number], l1, l2))
        if number > 0 or detours.to_input_layer:
            active = outputs[number]
            if detours.sigmoid_again:
                active = sigmoid(with_ones(inputs[number]))
            delta = ((weights[number].T @ delta) * (active * (1 - active)))[1:]
    return last, found[::-1]
