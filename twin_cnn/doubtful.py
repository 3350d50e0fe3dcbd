r"""Show which test digits a trained network confuses, and which it is unsure of (article VI).

    twin-cnn doubtful --run runs/article-2 --out doubtful
    twin-cnn doubtful --run runs/article-2 --pair 4,9 --out doubtful

Prints the confusion matrix, the most confused pairs, the digits that the network is least sure of
and those that it classifies wrongly. --out draws them: confusion.png, least_sure.png and
misclassified.png, or pair_4_9.png.
"""

import argparse

from cnn_experiment import UserError
from cnn_experiment.atomic_file import write_atomically
from cnn_experiment.command_line import (
    errors_as_one_sentence,
    folder,
    must_be_a_folder,
    parser_of,
)
from cnn_experiment.look.doubtful import MOST_ON_A_SHEET, all_doubts, doubts_of_pair
from cnn_experiment.look.trained_run import TrainedRun, add_run_options


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    add_run_options(parser)
    parser.add_argument("--backend", choices=("torch", "keras"), default="torch")
    parser.add_argument(
        "--pair", type=pair, metavar="A,B", help="only the digits of two classes, as 4,9"
    )
    parser.add_argument(
        "--count", type=int, default=16, metavar="N", help="digits in doubt; default 16"
    )
    parser.add_argument("--out", type=folder, metavar="DIR", help="folder for the pictures")
    return parser.parse_args()


def main() -> None:
    """Print and draw; exit with status 1 and one sentence for wrong input."""
    options = arguments()
    with errors_as_one_sentence():
        if not 1 <= options.count <= MOST_ON_A_SHEET:
            raise UserError(f"count = {options.count}: accepted: 1 to {MOST_ON_A_SHEET}")
        must_be_a_folder(options.out)
        if options.out is not None:
            import cnn_experiment.look.pictures  # noqa: F401 - raises `UserError` without matplotlib
        run = TrainedRun(options.run, options.data_dir)
        classes = run.experiment.network.output.units
        if options.pair is not None and not all(0 <= digit < classes for digit in options.pair):
            raise UserError(f"pair = {options.pair}: accepted: two of 0 to {classes - 1}")
        seen = (run.pixels, run.predict(options.backend, run.pixels.test_images), options.count)
        doubts = doubts_of_pair(*seen, options.pair) if options.pair else all_doubts(*seen)
        print(doubts)
        if options.out is not None:
            options.out.mkdir(parents=True, exist_ok=True)
            for name, picture in doubts.pictures():
                write_atomically(options.out / name, picture)
                print(f"wrote {options.out / name}")


def pair(text: str) -> tuple[int, int]:
    """Return two different digits."""
    try:
        one, other = (int(digit) for digit in text.split(","))
    except ValueError:
        one = other = 0
    if one == other:
        raise argparse.ArgumentTypeError(f"{text!r}; accepted: two different digits, as 4,9")
    return one, other


if __name__ == "__main__":
    main()
