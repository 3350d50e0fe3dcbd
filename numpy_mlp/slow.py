"""The slower passes that the articles started with; each unnecessary computation is optional."""

from collections.abc import Sequence
from typing import NamedTuple

from numpy_mlp.network import Matrix, add_penalty_gradient, sigmoid, with_ones


class Detours(NamedTuple):
    """The unnecessary computations that the articles later removed."""

    to_input_layer: bool = False
    """Propagate the deltas to the input layer too: the largest matrix product, with no use."""
    sigmoid_again: bool = False
    """Compute the sigmoid again for its derivative, from its inputs with a row of ones added."""


def propagate(
    weights: Sequence[Matrix],
    images: Matrix,
    one_hot: Matrix,
    *,
    detours: Detours,
    l1: float = 0.0,
    l2: float = 0.0,
) -> tuple[Matrix, list[Matrix]]:
    """Return the same as `numpy_mlp.propagate`, but more slowly."""
    inputs, outputs = [images.T], [with_ones(images.T)]
    for matrix in weights:
        inputs.append(matrix @ outputs[-1])
        outputs.append(with_ones(sigmoid(inputs[-1])))
    last = outputs[-1][1:]

    delta = last - one_hot
    last_layer_first: list[Matrix] = []
    for number in reversed(range(len(weights))):
        gradient = delta @ outputs[number].T
        last_layer_first.append(add_penalty_gradient(gradient, weights[number], l1, l2))
        if number > 0 or detours.to_input_layer:
            active = outputs[number]
            if detours.sigmoid_again:
                active = sigmoid(with_ones(inputs[number]))
            delta = ((weights[number].T @ delta) * (active * (1 - active)))[1:]
    return last, last_layer_first[::-1]
