"""Measure where the time of our training step goes, with one thread.

python scripts/step_profile.py --out results/step_profile.csv
"""

import argparse
from pathlib import Path

from tabulate import tabulate

from cnn_experiment import preset
from cnn_experiment.atomic_file import write_table_atomically
from cnn_experiment.command_line import (
    errors_as_one_sentence,
    must_be_at_least_one,
    must_be_writable_file,
    parser_of,
)


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("--preset", metavar="NAME", default="article-3-addendum", help="default %(default)s")
    add("--steps", type=int, default=300, metavar="N", help="default %(default)s")
    add("--out", type=Path, metavar="FILE", help="write the table as CSV")
    return parser.parse_args()


def main() -> None:
    """Measure, print and write."""
    options = arguments()
    with errors_as_one_sentence():
        must_be_at_least_one(steps=options.steps)
        must_be_writable_file(options.out)
        experiment = preset(options.preset)
        from measurements.step_profile import step_profile  # loads PyTorch

        rows = step_profile(experiment, options.steps)
        print(tabulate(rows, headers="keys"))
        if options.out is not None:
            write_table_atomically(options.out, rows)


if __name__ == "__main__":
    main()
