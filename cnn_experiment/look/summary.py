"""An experiment as text: the layers of its network, and its training settings."""

from tabulate import tabulate

from cnn_experiment.formats.torch_layout import torch_shape
from cnn_experiment.settings.experiment import Experiment

_HEADS = ("layer", "kind", "output shape", "parameters", "Keras' kernel", "PyTorch's weight")


def summary(experiment: Experiment) -> str:
    """Return a table of the layers with their weights' shapes in both frameworks, and settings."""
    layers = experiment.network.layers()
    rows = [
        [
            layer.name,
            f"{layer.kind} {layer.activation or ''}",
            _shape(layer.output_shape),
            f"{layer.parameters:,}",
            _shape(layer.kernel_shape),
            _shape(torch_shape(layer.kernel_shape)) if layer.kernel_shape else "",
        ]
        for layer in layers
    ]
    table = tabulate(rows, _HEADS, colalign=("left", "left", "left", "right", "left", "left"))
    count = sum(layer.parameters for layer in layers)
    return "\n".join(
        [
            table,
            f"parameters: {count:,}, one bias each unit or map",
            f"optimizer: {experiment.optimizer}",
            f"schedule: {experiment.schedule}",
            f"regularizer: {experiment.regularizer}",
        ]
    )


def _shape(sizes: tuple[int, ...]) -> str:
    """Return the sizes as text: `26 x 26 x 32`."""
    return " x ".join(str(size) for size in sizes)
