"""Measure how the time of training grows: ours and Keras' side by side.

    python scripts/cost_growth.py --out results/cost_growth.csv --plot docs/pictures/cost_growth.png

One setting of article-3-addendum is changed at a time: the batch size, the filters of all
convolutions, the threads, and the images of an epoch. Three processes take turns for each value, in
random order in each round: ours, Keras' `fit`, and ours at the setting's usual value, over whose
time the times are told.
"""

import argparse
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
from measurements.growth import growth


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=5, metavar="R", help="default 5")
    add("--out", type=Path, metavar="FILE", help="write the table as CSV")
    add("--plot", type=Path, metavar="FILE", help="draw it")
    return parser.parse_args()


def main() -> None:
    """Measure, print, write and draw."""
    options = arguments()
    with errors_as_one_sentence():
        must_be_at_least_one(rounds=options.rounds)
        must_be_writable_file(options.out)
        must_be_writable_picture(options.plot, endings=(".png", ".svg", ".pdf"))
        rows = list(growth(options.rounds))
        print(tabulate(rows, headers="keys"))
        if options.out is not None:
            write_table_atomically(options.out, rows)
        if options.plot is not None:
            from measurements.ratio_pictures import of_growth, picture  # loads matplotlib

            write_atomically(options.plot, picture(of_growth(rows), options.plot.suffix))


if __name__ == "__main__":
    main()
