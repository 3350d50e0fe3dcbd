"""Forward propagation, log loss and back-propagation of a sigmoid MLP, by hand.

A layer's weights are one matrix (nodes, 1 + inputs), whose column 0 belongs to the bias. Outputs
are (1 + nodes, images), one column an image, with a row of ones for the next layer's bias on top;
the last layer has none: (classes, images).
Source: "MLP, Numpy, TF2 - performance issues", Steps I to III.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[Any]


def forward(weights: Sequence[Matrix], images: Matrix) -> list[Matrix]:
    """Return the outputs of every layer for `images`, (count, pixels), the input layer's first."""
    outputs = [np.ones((1 + images.shape[1], len(images)), images.dtype)]
    outputs[0][1:] = images.T
    for number, matrix in enumerate(weights, start=1):
        activated = sigmoid(matrix @ outputs[-1])
        outputs.append(activated if number == len(weights) else with_ones(activated))
    return outputs


def propagate(
    weights: Sequence[Matrix], images: Matrix, one_hot: Matrix, *, l1: float = 0.0, l2: float = 0.0
) -> tuple[Matrix, list[Matrix]]:
    """Go forward and back once: return the last layer's output and the gradients."""
    outputs = forward(weights, images)
    return outputs[-1], gradients(weights, outputs, one_hot, l1=l1, l2=l2)


def gradients(
    weights: Sequence[Matrix],
    outputs: Sequence[Matrix],
    one_hot: Matrix,
    *,
    l1: float = 0.0,
    l2: float = 0.0,
) -> list[Matrix]:
    """Return the gradients of `log_loss` and `penalty` by the weights, layer by layer.

    `one_hot` is (classes, images). Three things make it fast: nothing is propagated to the input
    layer, which has no weights behind it; a sigmoid's derivative comes from the output that the
    forward pass left; and the bias' column is sliced off before the product, not computed with it.
    """
    delta = outputs[-1] - one_hot  # the log loss and the output's sigmoid, differentiated together
    found: list[Matrix] = []
    for number in reversed(range(len(weights))):
        matrix, below = weights[number], outputs[number]
        found.append(add_penalty_gradient(delta @ below.T, matrix, l1, l2))
        if number > 0:
            active = below[1:]
            delta = (matrix[:, 1:].T @ delta) * active * (1 - active)
    return found[::-1]


def log_loss(outputs: Sequence[Matrix], one_hot: Matrix) -> float:
    """Cross-entropy of each output node on its own, summed over nodes and images."""
    last = outputs[-1]
    tiny = np.finfo(last.dtype).tiny
    of_ones, of_zeros = np.log(np.maximum(last, tiny)), np.log(np.maximum(1 - last, tiny))
    return float(-(one_hot * of_ones + (1 - one_hot) * of_zeros).sum())


def penalty(weights: Sequence[Matrix], *, l1: float = 0.0, l2: float = 0.0) -> float:
    """`l1 * sum(abs(w)) + l2 / 2 * sum(w ** 2)`, biases left out."""
    return float(
        sum(l1 * np.abs(w[:, 1:]).sum() + l2 / 2 * np.square(w[:, 1:]).sum() for w in weights)
    )


def add_penalty_gradient(gradient: Matrix, matrix: Matrix, l1: float, l2: float) -> Matrix:
    """Add the penalty's gradient by one layer's weights, in place; only what is asked for."""
    if l2 > 0:
        gradient[:, 1:] += l2 * matrix[:, 1:]
    if l1 > 0:
        gradient[:, 1:] += l1 * np.sign(matrix[:, 1:])
    return gradient


def sigmoid(values: Matrix) -> Matrix:
    """`1 / (1 + exp(-values))`, in a form that cannot overflow."""
    return 0.5 * (1 + np.tanh(0.5 * values))


def with_ones(activated: Matrix) -> Matrix:
    """Put the row of ones on top."""
    extended = np.ones((1 + len(activated), activated.shape[1]), activated.dtype)
    extended[1:] = activated
    return extended
