"""Make the tables of results in the documents anew from the files in results/.

    python scripts/page_tables.py

Each such table stands below a comment that names it; the rest of a page stays as it is.
"""

import argparse
from pathlib import Path

from cnn_experiment.atomic_file import write_atomically
from cnn_experiment.command_line import errors_as_one_sentence, parser_of

PAGES = [Path("docs", name) for name in ("results.md", "ladder.md", "speed.md", "cluster.md")]


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    parser.add_argument("pages", nargs="*", type=Path, default=PAGES, metavar="FILE")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")
    return parser.parse_args()


def main() -> None:
    """Read the pages, and write them with their tables."""
    options = arguments()
    with errors_as_one_sentence():
        from measurements.page_tables import with_tables  # loads SciPy

        texts = {page: with_tables(page.read_text(), options.results) for page in options.pages}
        for page, text in texts.items():
            write_atomically(page, text.encode())


if __name__ == "__main__":
    main()
