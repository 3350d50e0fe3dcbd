"""Forward propagation and back-propagation of a sigmoid MLP, in NumPy.

The weights of a layer are one matrix (nodes, 1 + inputs); its column 0 is the bias. The outputs of
a layer are (1 + nodes, images): one column for each image, and row 0 is all ones, as the input of
the next layer's bias. The outputs of the last layer, (classes, images), have no such row.
Source: "MLP, Numpy, TF2 - performance issues", Steps I to III.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[Any]
Lap = Callable[[str], object]
"""Gets the name of each part of the work when that part is done, so that a clock can be read."""


def no_lap(_: str) -> None:
    """Read no clock."""


def input_layer(images: Matrix) -> Matrix:
    """Return `images`, (count, pixels), with a column of ones before the pixels.

    It is done once, before a training. Added to each batch in the layout (1 + pixels, images), the
    ones would cost a copy that turns rows into columns, which is slow (Step II).
    """
    extended = np.empty((len(images), 1 + images.shape[1]), images.dtype)
    extended[:, 0] = 1
    extended[:, 1:] = images
    return extended


def forward(weights: Sequence[Matrix], inputs: Matrix) -> list[Matrix]:
    """Return the outputs of each layer, from the input layer on.

    `inputs`, (count, 1 + pixels), come from `input_layer`.
    """
    outputs = [inputs.T]
    for number, matrix in enumerate(weights, start=1):
        activated = sigmoid(matrix @ outputs[-1])
        outputs.append(activated if number == len(weights) else with_ones(activated))
    return outputs


def propagate(
    weights: Sequence[Matrix],
    inputs: Matrix,
    one_hot: Matrix,
    *,
    l1: float = 0.0,
    l2: float = 0.0,
    lap: Lap = no_lap,
) -> tuple[Matrix, list[Matrix]]:
    """Do one forward and one backward pass: return the last layer's output and the gradients."""
    outputs = forward(weights, inputs)
    lap("forward")
    found = gradients(weights, outputs, one_hot, l1=l1, l2=l2)
    lap("backward")
    return outputs[-1], found


def gradients(
    weights: Sequence[Matrix],
    outputs: Sequence[Matrix],
    one_hot: Matrix,
    *,
    l1: float = 0.0,
    l2: float = 0.0,
) -> list[Matrix]:
    """Return the gradient of `log_loss` plus `penalty` for the weights of each layer.

    `one_hot` is (classes, images). Three things make it fast. Nothing is propagated to the input
    layer, which has no weights before it. The derivative of a sigmoid is computed from its output,
    which the forward pass has already computed. The column of the bias is cut off before the matrix
    product.
    """
    # `delta` is the derivative of the loss for the inputs of a layer's sigmoids.
    delta = outputs[-1] - one_hot  # derivative of log loss and sigmoid together
    last_layer_first: list[Matrix] = []
    for number in reversed(range(len(weights))):
        matrix, below = weights[number], outputs[number]
        last_layer_first.append(add_penalty_gradient(delta @ below.T, matrix, l1, l2))
        if number > 0:
            active = below[1:]
            delta = (matrix[:, 1:].T @ delta) * active * (1 - active)
    return last_layer_first[::-1]


def add_penalty_gradient(gradient: Matrix, matrix: Matrix, l1: float, l2: float) -> Matrix:
    """Add the gradient of `penalty` for the weights of one layer, in place; return `gradient`."""
    if l2 > 0:
        gradient[:, 1:] += l2 * matrix[:, 1:]
    if l1 > 0:
        gradient[:, 1:] += l1 * np.sign(matrix[:, 1:])
    return gradient


def sigmoid(values: Matrix) -> Matrix:
    """Return `1 / (1 + exp(-values))`, in a form that cannot overflow."""
    return 0.5 * (1 + np.tanh(0.5 * values))


def with_ones(activated: Matrix) -> Matrix:
    """Return `activated` with a row of ones added at the top, its rows one after another."""
    extended = np.ones((1 + len(activated), activated.shape[1]), activated.dtype)
    extended[1:] = activated
    return extended
