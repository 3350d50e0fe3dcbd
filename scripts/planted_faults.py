"""Plant each known difference in the port, and check that the ladder finds and names it.

    python scripts/planted_faults.py --out results/planted_faults.csv

Prints a row for each fault: the rung and the step where it is found first, and the cause that is
named, with a small network in float64. The last column is the usual check: does assert_close with a
relative tolerance of 1e-2 see the fault in ten losses of the published network in float32?
"""

import argparse
import sys
from pathlib import Path

from cnn_experiment import preset
from cnn_experiment.atomic_file import write_table_atomically
from cnn_experiment.command_line import errors_as_one_sentence, must_be_writable_file, parser_of

WIDTHS = (36, 28, 5, 36, 0)


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    parser.add_argument("--preset", metavar="NAME", default="article-3-addendum")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table as CSV")
    return parser.parse_args()


def main() -> None:
    """Print and write the table; exit with status 1 if a fault is not found, or not named."""
    options = arguments()
    with errors_as_one_sentence():
        preset(options.preset)
        must_be_writable_file(options.out)
        from measurements import planted_faults  # both frameworks

        print(row_text(planted_faults.FIELDS))
        rows = []
        for row in planted_faults.rows(options.preset):
            print(row_text(tuple(row.values())), flush=True)
            rows.append(row)
        if options.out is not None:
            write_table_atomically(options.out, rows)
        missed = [row["fault"] for row in rows if not planted_faults.is_as_it_should_be(row)]
        seen = sum(row["seen by assert_close"] == "yes" for row in rows)
        faults = len(rows) - 1
        print(f"{faults} faults: the ladder missed {len(missed)}, assert_close {faults - seen}")
        sys.exit(f"missed or misnamed: {', '.join(missed)}" if missed else 0)


def row_text(cells: tuple[str, ...]) -> str:
    """Return a row of the table as text."""
    return " ".join(f"{cell:{width}}" for cell, width in zip(cells, WIDTHS, strict=True))


if __name__ == "__main__":
    main()
