"""Repeat the articles' studies of the MLP that is written by hand in NumPy.

    python scripts/mlp_study.py --out results/mlp_study.csv --plot mlp_study.png
    python scripts/mlp_study.py --study training --out results/mlp_training.csv

speed     an epoch of the network 784-70-30-10: NumPy code with detours, and both frameworks. Keras
          and PyTorch compute costs and hits as NumPy does; PyTorch's time includes building the
          model, the others' does not.
forward   a forward pass of all images, so many at once, by memory order and sigmoid
parts     the parts of a batch's work, before Step III's change and in the last program
training  what the articles print of the last of 35 epochs, beside the lowest and highest of ours

In speed and forward a ratio is the time divided by that of the fast NumPy MLP in the same round,
where all are timed in random order: the median over the rounds. Above 1 it is slower. The articles'
ratios are made of their own seconds. In parts the time of each part is divided by that of the
forward pass, or of the backward pass through all layers.
"""

import argparse
from importlib import import_module
from pathlib import Path

from tabulate import tabulate

from cnn_experiment.atomic_file import write_atomically, write_table_atomically
from cnn_experiment.command_line import (
    errors_as_one_sentence,
    must_be_at_least_one,
    must_be_writable_file,
    must_be_writable_picture,
    parser_of,
)
from cnn_experiment.errors import UserError

STUDIES = {
    "speed": "measurements.mlp_study",
    "forward": "measurements.mlp_forward",
    "parts": "measurements.mlp_parts",
    "training": "measurements.mlp_training",
}


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("--study", choices=STUDIES, default="speed", help="default speed")
    add("--rounds", type=int, default=5, metavar="N", help="of timing, or seeds; default 5")
    add("--images", type=int, default=60_000, metavar="N", help="for a try; default 60000")
    add("--out", type=Path, metavar="FILE", help="write the table as CSV")
    add("--plot", type=Path, metavar="FILE", help="draw the table of speed or forward")
    return parser.parse_args()


def main() -> None:
    """Measure, print, write and draw."""
    options = arguments()
    with errors_as_one_sentence():
        must_be_at_least_one(rounds=options.rounds, images=options.images)
        must_be_writable_file(options.out)
        must_be_writable_picture(options.plot, endings=(".png", ".svg", ".pdf"))
        if options.plot is not None and options.study not in ("speed", "forward"):
            raise UserError(f"plot = {options.plot}: accepted: with --study speed or forward")
        measured = import_module(STUDIES[options.study]).measured
        rows = list(measured(options.rounds, options.images))
        print(tabulate(rows, headers="keys", disable_numparse=True))
        if options.out is not None:
            write_table_atomically(options.out, rows)
        if options.plot is not None:
            from measurements.ratio_pictures import of_mlp_study, picture  # loads matplotlib

            write_atomically(options.plot, picture(of_mlp_study(rows), options.plot.suffix))


if __name__ == "__main__":
    main()
