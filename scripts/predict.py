"""Let a trained network read your own digits, from PNG or JPEG files.

    python scripts/predict.py --run runs/article-2 photo.jpg scan.png --show seen.png

A digit may be dark on light or light on dark, of any size, one in a picture. It is brought to the
form of MNIST's digits: fitted into 20x20, centred by mass in 28x28. Prints the probabilities as a
table, or with --json as JSON; --show draws what the network saw. Colours are taken as grey levels.
MNIST is needed, too, for the scaling that the network was trained with.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

MOST_SHOWN = 50
"""Images in one picture."""


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    from trained_run import add_run_options  # scripts/trained_run.py, beside this file

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    add_run_options(parser)
    parser.add_argument("--backend", choices=("torch", "keras"), default="torch")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--show", type=Path, metavar="FILE.png", help="what the network saw")
    return parser.parse_args()


def main() -> None:
    """Predict; exit with 1 and one sentence where that cannot be done."""
    options = arguments()
    from cnn_experiment import UserError

    try:
        predict(options)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")


def predict(options: argparse.Namespace) -> None:
    """Read all pictures, then predict, print and draw."""
    import numpy as np
    from trained_run import TrainedRun, must_be_a_png

    from cnn_experiment import UserError

    must_be_a_png(options.show)
    if options.show is not None and len(options.images) > MOST_SHOWN:
        raise UserError(f"show: {len(options.images)} images; accepted: at most {MOST_SHOWN}")
    read_files = [read(file) for file in options.images]
    run = TrainedRun(options)
    seen = np.stack([digit for _, digit in read_files])
    probabilities = run.predict(options.backend, seen)
    report(options, probabilities)
    if options.show is not None:
        from cnn_experiment.atomic_file import write_atomically
        from cnn_experiment.look import pictures

        rows = [
            pictures.Guess(file.name, grey, digit, found)
            for file, (grey, digit), found in zip(
                options.images, read_files, probabilities, strict=True
            )
        ]
        write_atomically(options.show, pictures.png(pictures.guesses(rows)))
        print(f"wrote {options.show}", file=sys.stderr)


def read(file: Path) -> tuple[Any, Any]:
    """The picture in grey levels, and its digit in MNIST's form."""
    from cnn_experiment import UserError
    from cnn_experiment.look import own_digit

    grey = own_digit.read_grey(file)
    try:
        return grey, own_digit.as_mnist(grey)
    except UserError as error:
        raise UserError(f"image = {file}: {error}") from error


def report(options: argparse.Namespace, probabilities: Any) -> None:
    """Print the digits and their probabilities."""
    if options.json:
        found = [
            {"image": str(file), "digit": int(row.argmax()), "probabilities": row.tolist()}
            for file, row in zip(options.images, probabilities, strict=True)
        ]
        print(json.dumps(found, indent=2))
        return
    from tabulate import tabulate

    rows = [
        [file, int(row.argmax()), *(f"{100 * value:.1f} %" for value in row)]
        for file, row in zip(options.images, probabilities, strict=True)
    ]
    print(tabulate(rows, ["image", "digit", *range(probabilities.shape[1])], stralign="right"))


if __name__ == "__main__":
    main()
