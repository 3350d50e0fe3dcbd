"""The slower passes that the articles started with; each detour is optional."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from numpy_mlp.network import Lap, Matrix, add_penalty_gradient, no_lap, sigmoid, with_ones


class Detours(NamedTuple):
    """The unnecessary work that the articles later removed, and their sigmoid."""

    to_input_layer: bool = False
    """Propagate the deltas to the input layer too: the largest matrix product, with no use."""
    sigmoid_again: bool = False
    """Compute the sigmoid again for its derivative, from its inputs with a row of ones added."""
    c_order: bool = False
    """Add the ones to each batch, which copies it so that a pixel's values lie side by side."""
    sigmoid: Callable[[Matrix], Matrix] = sigmoid
    """The function that computes all sigmoids; the articles take SciPy's `expit`."""


def forward(
    weights: Sequence[Matrix], inputs: Matrix, detours: Detours
) -> tuple[list[Matrix], list[Matrix]]:
    """Return the inputs of each layer's sigmoids and its outputs, all with a row of ones."""
    sums = [inputs.T[1:]]
    outputs = [with_ones(sums[0]) if detours.c_order else inputs.T]
    for matrix in weights:
        sums.append(matrix @ outputs[-1])
        outputs.append(with_ones(detours.sigmoid(sums[-1])))
    return sums, outputs


def propagate(
    weights: Sequence[Matrix],
    inputs: Matrix,
    one_hot: Matrix,
    *,
    detours: Detours,
    l1: float = 0.0,
    l2: float = 0.0,
    lap: Lap = no_lap,
) -> tuple[Matrix, list[Matrix]]:
    """Return the same as `numpy_mlp.propagate`, but more slowly."""
    sums, outputs = forward(weights, inputs, detours)
    last = outputs[-1][1:]
    lap("forward")

    delta = last - one_hot
    lap("output layer")
    last_layer_first: list[Matrix] = []
    for number in reversed(range(len(weights))):
        gradient = delta @ outputs[number].T
        lap(f"layer {number}: gradient")
        last_layer_first.append(add_penalty_gradient(gradient, weights[number], l1, l2))
        lap(f"layer {number}: penalty")
        if number > 0 or detours.to_input_layer:
            active = outputs[number]
            if detours.sigmoid_again:
                extended = with_ones(sums[number])
                lap(f"layer {number}: row of ones")
                active = detours.sigmoid(extended)
            derivative = active * (1 - active)
            lap(f"layer {number}: derivative")
            delta = weights[number].T @ delta
            lap(f"layer {number}: matrix product")
            delta = (delta * derivative)[1:]
            lap(f"layer {number}: product of elements")
    return last, last_layer_first[::-1]
