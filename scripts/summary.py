"""Print a network's layers, with the shapes of their weights in both frameworks.

python scripts/summary.py --preset article-3-addendum
"""

import argparse
import sys
from pathlib import Path
from typing import Any


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--preset", metavar="NAME", default="article-2", help="default article-2")
    what.add_argument("--experiment", type=Path, metavar="FILE", help="an experiment.json")
    return parser.parse_args()


def main() -> None:
    """Print; exit with 1 and one sentence where that cannot be done."""
    options = arguments()
    from cnn_experiment import UserError, preset
    from cnn_experiment.runs.run_folder import read_experiment

    try:
        if options.experiment is not None:
            experiment = read_experiment(options.experiment)
        else:
            experiment = preset(options.preset)
        summarise(experiment)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")


def summarise(experiment: Any) -> None:
    """Print the table and what decides the training."""
    from tabulate import tabulate

    from cnn_experiment.formats.torch_layout import torch_shape

    layers = experiment.network.layers()
    rows = [
        [
            layer.name,
            f"{layer.kind} {layer.activation or ''}",
            shape(layer.output_shape),
            f"{layer.parameters:,}",
            shape(layer.kernel_shape),
            shape(torch_shape(layer.kernel_shape)) if layer.kernel_shape else "",
        ]
        for layer in layers
    ]
    heads = ["layer", "kind", "output shape", "parameters", "Keras' kernel", "PyTorch's weight"]
    print(tabulate(rows, heads, colalign=("left", "left", "left", "right", "left", "left")))
    print(f"parameters: {sum(layer.parameters for layer in layers):,}, one bias each unit or map")
    for part in ("optimizer", "schedule", "regularizer"):
        print(f"{part}: {getattr(experiment, part)}")


def shape(sizes: tuple[int, ...]) -> str:
    """As `26 x 26 x 32`."""
    return " x ".join(str(size) for size in sizes)


if __name__ == "__main__":
    main()
