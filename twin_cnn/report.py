"""Make one HTML page of training runs and parity runs: verdict, ladder, drift, curves, commands.

    twin-cnn report runs/parity runs/article-2-torch runs/article-2-keras --out report.html

Each run is a folder that twin-cnn train or twin-cnn parity --out has written. The page is one
file without scripts, and needs no network.
"""

import argparse
from pathlib import Path

from cnn_experiment.atomic_file import write_atomically
from cnn_experiment.command_line import (
    errors_as_one_sentence,
    folder,
    must_be_a_folder,
    must_be_writable_file,
    parser_of,
)


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a run's folder")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", default=Path("report.html"), help="default report.html"
    )
    parser.add_argument(
        "--pictures",
        type=folder,
        metavar="DIR",
        help="write the pictures of the page there as PNG, too",
    )
    return parser.parse_args()


def main() -> None:
    """Write the page; exit with status 1 and one sentence for wrong input."""
    options = arguments()
    with errors_as_one_sentence():
        must_be_writable_file(options.out)
        must_be_a_folder(options.pictures, "pictures")
        from parity_tests.report import page, pictures, read_runs  # needs jinja2 and matplotlib

        runs = read_runs(options.runs)
        write_atomically(options.out, page(runs))
        print(f"wrote {options.out}")
        if options.pictures is not None:
            options.pictures.mkdir(parents=True, exist_ok=True)
            for name, content in pictures(runs).items():
                write_atomically(options.pictures / name, content)
                print(f"wrote {options.pictures / name}")


if __name__ == "__main__":
    main()
