"""Make one page of training runs and parity runs: verdict, ladder, drift, curves, how to repeat.

    python scripts/report.py runs/parity runs/article-2-torch runs/article-2-keras --out report.html

A run is a folder of scripts/train.py or of scripts/parity.py --out, in any mix. The page needs
nothing but itself: no network, no scripts.
"""

import argparse
import sys
from pathlib import Path


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a run's folder")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", default=Path("report.html"), help="default report.html"
    )
    parser.add_argument(
        "--pictures", type=Path, metavar="DIR", help="write the page's pictures there, too, as PNG"
    )
    return parser.parse_args()


def main() -> None:
    """Write the page; exit with 1 and one sentence where that cannot be done."""
    options = arguments()
    from cnn_experiment import UserError
    from cnn_experiment.atomic_file import write_atomically

    try:
        from parity_tests.report import page, pictures, read_runs

        if options.out.is_dir() or not options.out.parent.is_dir():
            raise UserError(f"out = {options.out}: accepted: a file in a folder that is there")
        given = read_runs(options.runs)
        write_atomically(options.out, page(given))
        print(f"wrote {options.out}")
        if options.pictures is not None:
            options.pictures.mkdir(parents=True, exist_ok=True)
            for name, content in pictures(given).items():
                write_atomically(options.pictures / name, content)
                print(f"wrote {options.pictures / name}")
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
