"""Repeat the articles' performance study of the MLP: slow and fast NumPy code, both frameworks.

    python scripts/mlp_study.py --out results/mlp_study.csv --plot mlp_study.png

Each contestant trains the network 784-70-30-10 for one epoch of 60,000 images, in random order in
each round. A ratio is its time divided by that of the fast NumPy MLP in the same round: the median
over the rounds. Above 1 it is slower. The last column is the ratio from the articles' own seconds.
The NumPy MLPs count hits but compute no loss; Keras and PyTorch compute both. PyTorch's time
includes building the model, Keras' time does not. Finally the NumPy MLP is trained for 35 epochs
with batch size 500, and its accuracy is printed.
"""

import argparse
from pathlib import Path

from cnn_experiment.atomic_file import write_atomically, write_table_atomically
from cnn_experiment.command_line import (
    errors_as_one_sentence,
    must_be_at_least_one,
    must_be_writable_file,
    must_be_writable_picture,
    parser_of,
)
from measurements.mlp_study import learn, measured
from numpy_mlp import Record

COLUMNS = "{contestant:26} {batch size:>10} {ratio:>6} {article:>8}"
HEADS = {name: name for name in ("contestant", "batch size", "ratio", "article")}


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=5, metavar="N", help="default 5")
    add("--epochs", type=int, default=35, metavar="N", help="of the last training; default 35")
    add("--out", type=Path, metavar="FILE", help="write the table as CSV")
    add("--plot", type=Path, metavar="FILE", help="draw the table")
    return parser.parse_args()


def main() -> None:
    """Measure, print, write and draw; then train for the accuracy."""
    options = arguments()
    with errors_as_one_sentence():
        must_be_at_least_one(rounds=options.rounds, epochs=options.epochs)
        must_be_writable_file(options.out)
        must_be_writable_picture(options.plot, endings=(".png", ".svg", ".pdf"))
        print(COLUMNS.format(**HEADS))
        rows = []
        for row in measured(options.rounds):
            rows.append(row)
            print(COLUMNS.format(**row), flush=True)
        if options.out is not None:
            write_table_atomically(options.out, rows)
        if options.plot is not None:
            from measurements.ratio_pictures import of_mlp_study, picture  # loads matplotlib

            write_atomically(options.plot, picture(of_mlp_study(rows), options.plot.suffix))
        trained, tested = learn(options.epochs, print_epoch)
        print(f"training accuracy {trained:.4f}, test accuracy {tested:.4f}")


def print_epoch(record: Record) -> None:
    """Print the record of an epoch of the last training."""
    rate, accuracy = record.learning_rate, record.accuracy
    text = f"epoch {record.epoch}: learning rate {rate!r}, accuracy by batch {accuracy:.4f}"
    print(text, flush=True)


if __name__ == "__main__":
    main()
