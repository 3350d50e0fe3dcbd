r"""Show which test digits a trained network confuses, and where it is in doubt (article VI).

    python scripts/doubtful.py --run runs/article-2 --out doubtful
    python scripts/doubtful.py --run runs/article-2 --pair 4,9 --out doubtful

Prints the confusion matrix, the most confused pairs, the digits that the network is least sure of
and those that it takes for others. --out draws them: confusion.png, least_sure.png and
misclassified.png, or pair_4_9.png.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

MOST_ON_A_SHEET = 200


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    from trained_run import add_run_options  # scripts/trained_run.py, beside this file

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_run_options(parser)
    parser.add_argument("--backend", choices=("torch", "keras"), default="torch")
    parser.add_argument(
        "--pair", type=pair, metavar="A,B", help="only the digits of two classes, as 4,9"
    )
    parser.add_argument(
        "--count", type=int, default=16, metavar="N", help="digits in doubt; default 16"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the pictures")
    return parser.parse_args()


def main() -> None:
    """Print and draw; exit with 1 and one sentence where that cannot be done."""
    options = arguments()
    from cnn_experiment import UserError

    try:
        show(options)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")


def show(options: argparse.Namespace) -> None:
    """Predict the run's test images, print what is doubtful, draw it."""
    from trained_run import TrainedRun

    from cnn_experiment import UserError

    if not 1 <= options.count <= MOST_ON_A_SHEET:
        raise UserError(f"count = {options.count}: accepted: 1 to {MOST_ON_A_SHEET}")
    if options.out is not None and options.out.exists() and not options.out.is_dir():
        raise UserError(f"out = {options.out}: it is a file; accepted: a folder, new or old")
    run = TrainedRun(options)
    classes = run.experiment.network.output.units
    if options.pair is not None and not all(0 <= digit < classes for digit in options.pair):
        raise UserError(f"pair = {options.pair}: accepted: two of 0 to {classes - 1}")
    doubtful = Doubtful(run.pixels, run.predict(options.backend, run.pixels.test_images), options)
    doubtful.show_pair(options.pair) if options.pair else doubtful.show_all()


class Doubtful:
    """Prints and draws a network's doubts about the test images."""

    def __init__(self, pixels: Any, probabilities: Any, options: argparse.Namespace) -> None:
        self.images, self.labels = pixels.test_images, pixels.test_labels
        self.probabilities, self.options = probabilities, options

    def show_all(self) -> None:
        """Confusion matrix, confused pairs, least sure and misclassified digits."""
        from tabulate import tabulate

        from cnn_experiment.look import confusion, pictures

        counts = confusion.confusion_counts(self.labels, self.probabilities)
        right = int(counts.trace())
        title = f"{right:,} of {len(self.labels):,} right, {right / len(self.labels):.2%}"
        print(f"test images: {title}\n")
        rows = [[f"a {true}", *row] for true, row in enumerate(counts)]
        print(tabulate(rows, ["taken for", *range(len(counts))]), end="\n\n")
        for true, predicted, count in confusion.most_confused(counts)[:8]:
            print(f"a {true} taken for a {predicted}: {count}")
        least = confusion.least_sure(self.probabilities)[: self.options.count]
        print("\nleast sure of:")
        self._print(least)
        wrong = confusion.misclassified(self.labels, self.probabilities)
        shown = wrong[:MOST_ON_A_SHEET]
        part = f"{len(shown)} of the " if len(shown) < len(wrong) else ""
        title_of_wrong = f"{part}{len(wrong)} misclassified digits, the surest mistakes first"
        print(f"\n{title_of_wrong}:")
        self._print(shown)
        self._draw("confusion", pictures.confusion_matrix(counts, title))
        self._draw_sheet("least_sure", least, f"the {len(least)} digits it is least sure of")
        self._draw_sheet("misclassified", shown, title_of_wrong)

    def show_pair(self, pair: tuple[int, int]) -> None:
        """The digits of two classes, those that could best be the other first."""
        from cnn_experiment.look import confusion

        one, other = pair
        predicted = self.probabilities.argmax(axis=1)
        for true, taken in ((one, other), (other, one)):
            members = self.labels == true
            count = int((members & (predicted == taken)).sum())
            print(f"a {true} taken for a {taken}: {count} of {int(members.sum()):,}")
        found = confusion.between(pair, self.labels, self.probabilities)[: self.options.count]
        print(f"\nlikeliest {one} and {other} to be the other:")
        self._print(found)
        title = f"of the {one} and {other}, those likeliest to be the other"
        self._draw_sheet(f"pair_{one}_{other}", found, title)

    def _print(self, numbers: Any) -> None:
        for number in numbers:
            print(f"  image {number}, a {self.labels[number]}: {self._guess(number, ', then ')}")

    def _guess(self, number: int, between: str) -> str:
        """The two likeliest classes: `4 51.2 %, then 9 47.9 %`."""
        found = self.probabilities[number]
        best = found.argsort()[::-1][:2]
        return between.join(f"{digit} {100 * found[digit]:.1f} %" for digit in best)

    def _draw_sheet(self, name: str, numbers: Any, title: str) -> None:
        from cnn_experiment.look import pictures

        captions = [f"{n}: a {self.labels[n]}\n{self._guess(n, chr(10))}" for n in numbers]
        self._draw(name, pictures.digit_sheet(self.images[numbers], captions, title))

    def _draw(self, name: str, figure: Any) -> None:
        from cnn_experiment.atomic_file import write_atomically
        from cnn_experiment.look import pictures

        if self.options.out is not None:
            self.options.out.mkdir(parents=True, exist_ok=True)
            file = self.options.out / f"{name}.png"
            write_atomically(file, pictures.png(figure))
            print(f"wrote {file}")


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
