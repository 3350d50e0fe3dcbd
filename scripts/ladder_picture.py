"""Draw the ladder as a staircase, from a climb with one known difference planted in the port.

python scripts/ladder_picture.py --out docs/pictures/ladder.png
"""

import argparse
from pathlib import Path

from cnn_experiment.atomic_file import write_atomically
from cnn_experiment.command_line import (
    errors_as_one_sentence,
    must_be_writable_picture,
    parser_of,
)

FAULT = "PyTorch's epsilon in Adam"


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    parser.add_argument("--out", type=Path, metavar="FILE", required=True)
    return parser.parse_args()


def main() -> None:
    """Climb, and draw."""
    options = arguments()
    with errors_as_one_sentence():
        must_be_writable_picture(options.out, endings=(".png", ".svg", ".pdf"))
        from measurements.ladder_picture import of_ladder
        from measurements.ratio_pictures import picture
        from tests.known_differences.all_planted import PLANTED  # loads the frameworks
        from tests.known_differences.planting import climbed

        planted = next(each for each in PLANTED if each.entry == FAULT)
        figure = of_ladder(climbed(planted, faulty=True))
        write_atomically(options.out, picture(figure, options.out.suffix))


if __name__ == "__main__":
    main()
