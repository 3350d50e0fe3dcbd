"""Print a network's layers, with the shapes of their weights in both frameworks.

twin-cnn summary --preset article-3-addendum
"""

import argparse

from cnn_experiment.command_line import (
    add_experiment_options,
    errors_as_one_sentence,
    experiment_of,
    parser_of,
)
from cnn_experiment.look.summary import summary


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    add_experiment_options(parser, "article-2")
    return parser.parse_args()


def main() -> None:
    """Print; exit with status 1 and one sentence for wrong input."""
    options = arguments()
    with errors_as_one_sentence():
        print(summary(experiment_of(options)))


if __name__ == "__main__":
    main()
