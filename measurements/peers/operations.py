"""How much arithmetic a training step is."""

import math

from cnn_experiment import Experiment


def multiplications(experiment: Experiment) -> int:
    """Multiply-adds of one forward and backward pass of an image, of the cropped network.

    Three times those of the forward pass, but for the first layer, which needs no gradient of its
    input. Poolings, activations and the optimizer are not counted.
    """
    network = experiment.network
    seen = (*network.seen_input(), network.input_shape[2])
    rows = [row for row in network.with_changes(input_shape=seen).layers() if row.kernel_shape]
    forward = [math.prod(row.kernel_shape) * math.prod(row.output_shape[:-1]) for row in rows]
    return 3 * sum(forward) - forward[0]
