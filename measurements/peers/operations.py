"""The amount of arithmetic in a training step."""

import math

from cnn_experiment import Experiment


def multiplications(experiment: Experiment) -> int:
    """Return the multiply-adds of one forward and backward pass of an image.

    They are three times those of the forward pass, less those of the gradient of the network's
    input, which nobody needs. The image is cropped to the part that reaches the output. Poolings,
    activations and the optimizer are not counted.
    """
    network = experiment.network
    seen = (*network.seen_input(), network.input_shape[2])
    rows = [row for row in network.with_changes(input_shape=seen).layers() if row.kernel_shape]
    forward = [math.prod(row.kernel_shape) * math.prod(row.output_shape[:-1]) for row in rows]
    return 3 * sum(forward) - forward[0]
