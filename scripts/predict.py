"""Classify your own digits with a trained network, from PNG or JPEG files.

    python scripts/predict.py --run runs/article-2 photo.jpg scan.png --show seen.png

Each picture has one digit of any size, dark on light or light on dark. Colours become grey levels.
The digit is converted to the form of MNIST's digits: scaled to fit 20x20 pixels, and centred by
mass in 28x28. Prints the probabilities as a table, or with --json as JSON; --show draws the
converted digits. The MNIST files are needed for the scaling that the network was trained with.
"""

import argparse
import sys
from pathlib import Path

from cnn_experiment import UserError
from cnn_experiment.atomic_file import write_atomically
from cnn_experiment.command_line import (
    errors_as_one_sentence,
    must_be_writable_picture,
    parser_of,
)
from cnn_experiment.look.trained_run import TrainedRun, add_run_options

MOST_SHOWN = 50
"""The largest number of digits in one picture."""


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    add_run_options(parser)
    parser.add_argument("--backend", choices=("torch", "keras"), default="torch")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--show", type=Path, metavar="FILE.png", help="draw the converted digits")
    return parser.parse_args()


def main() -> None:
    """Predict; exit with status 1 and one sentence for wrong input."""
    options = arguments()
    with errors_as_one_sentence():
        must_be_writable_picture(options.show, "show")
        if options.show is not None and len(options.images) > MOST_SHOWN:
            raise UserError(f"show: {len(options.images)} images; accepted: at most {MOST_SHOWN}")
        from cnn_experiment.look.guesses import guesses, read_own_digit  # needs Pillow and SciPy

        digits = [read_own_digit(file) for file in options.images]
        guessed = guesses(TrainedRun(options.run, options.data_dir), options.backend, digits)
        print(guessed.json() if options.json else guessed.table())
        if options.show is not None:
            write_atomically(options.show, guessed.png())
            print(f"wrote {options.show}", file=sys.stderr)


if __name__ == "__main__":
    main()
