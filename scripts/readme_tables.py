"""Make the README's tables of results anew from the files in results/.

    python scripts/readme_tables.py

Each such table stands below a comment that names it; the rest of the README stays as it is.
"""

import argparse
from pathlib import Path

from cnn_experiment.atomic_file import write_atomically
from cnn_experiment.command_line import errors_as_one_sentence, parser_of


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    parser.add_argument("--readme", type=Path, default=Path("README.md"), metavar="FILE")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")
    return parser.parse_args()


def main() -> None:
    """Read the README, and write it with its tables."""
    options = arguments()
    with errors_as_one_sentence():
        from measurements.readme_tables import with_tables  # loads SciPy

        text = with_tables(options.readme.read_text(), options.results)
        write_atomically(options.readme, text.encode())


if __name__ == "__main__":
    main()
