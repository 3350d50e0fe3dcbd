"""Classify your own digits, or images of the run by their numbers, with a trained network.

    twin-cnn predict --run runs/article-2 photo.jpg scan.png --show seen.png
    twin-cnn predict --run runs/article-2 --image 1302

Your own digits are PNG or JPEG files. Each has one digit of any size, dark on light or light on
dark. Colours become grey levels. The digit is converted to the form of MNIST's digits: scaled to
fit 20x20 pixels, and centred by mass in 28x28. The MNIST files are needed for the scaling that the
network was trained with.

N counts the run's test images from 0, or with --set train its training images; their labels are
printed, too. Prints the probabilities as a table, or with --json in full as JSON; --show draws the
digits.
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
    whole_numbers,
)
from cnn_experiment.look.numbered import add_set_option, numbered_images
from cnn_experiment.look.trained_run import TrainedRun, add_run_options

MOST_SHOWN = 50
"""The largest number of digits in one picture."""


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("files", nargs="*", type=Path, default=[], metavar="FILE")
    which.add_argument(
        "--image", type=whole_numbers, metavar="N,M,...", help="images of the run by their numbers"
    )
    add_set_option(parser)
    add_run_options(parser)
    parser.add_argument("--backend", choices=("torch", "keras"), default="torch")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--show", type=Path, metavar="FILE.png", help="draw the digits")
    return parser.parse_args()


def main() -> None:
    """Predict; exit with status 1 and one sentence for wrong input."""
    options = arguments()
    with errors_as_one_sentence():
        must_be_writable_picture(options.show, "show")
        count = len(options.image or options.files)
        if options.show is not None and count > MOST_SHOWN:
            raise UserError(f"show: {count} images; accepted: at most {MOST_SHOWN}")
        if options.files and options.set != "test":
            raise UserError(f"set = {options.set!r}: accepted: together with --image, not a file")
        from cnn_experiment.look import guesses  # needs Pillow and SciPy

        digits = [guesses.read_own_digit(file) for file in options.files]
        run = TrainedRun(options.run, options.data_dir)
        if options.image is not None:
            images = numbered_images(run.pixels, options.set, options.image)
            digits = [guesses.digit_of(image) for image in images]
        guessed = guesses.guesses(run, options.backend, digits)
        print(guessed.json() if options.json else guessed.table())
        if options.show is not None:
            write_atomically(options.show, guessed.png())
            print(f"wrote {options.show}", file=sys.stderr)


if __name__ == "__main__":
    main()
