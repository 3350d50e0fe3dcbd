"""Measure how large each known difference is in the small model in which the suite plants it.

    python scripts/known_differences.py --out results/known_differences.csv

Each climb makes three steps in float64. The size is the largest difference on the first rung that
fails, over the largest magnitude of Keras' array there. The porting guide prints it.
"""

import argparse
from pathlib import Path

from tabulate import tabulate
from tqdm import tqdm

from cnn_experiment.atomic_file import write_table_atomically
from cnn_experiment.command_line import errors_as_one_sentence, must_be_writable_file, parser_of


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table as CSV")
    return parser.parse_args()


def main() -> None:
    """Measure, print and write."""
    options = arguments()
    with errors_as_one_sentence():
        must_be_writable_file(options.out)
        from tests.known_differences.all_planted import PLANTED, size_of  # loads the frameworks

        rows = [size_of(planted) for planted in tqdm(PLANTED, leave=False, disable=None)]
        print(tabulate(rows, headers="keys"))
        if options.out is not None:
            write_table_atomically(options.out, rows)


if __name__ == "__main__":
    main()
