"""Run one of the commands.

    twin-cnn train --preset article-2 --out runs/article-2
    twin-cnn COMMAND --help

In a clone, each is a script as well: `python scripts/train.py`.
"""

import sys
from importlib import import_module

from cnn_experiment.command_line import parser_of
from cnn_experiment.version import __version__

COMMANDS = {
    "train": "train a published experiment, or one of your own settings, with PyTorch or Keras",
    "parity": "climb the ladder: compare a port with Keras, and name the first difference",
    "convert": "convert weights between checkpoints, PyTorch's and Keras' files",
    "predict": "classify your own digits, or numbered images",
    "activations": "draw a layer's output for a digit",
    "doubtful": "show which test digits a trained network confuses",
    "summary": "print a network's layers and the shapes of their weights",
    "report": "make one HTML page of training and parity runs",
}


def main() -> None:
    """Give the rest of the command line to the command that it names."""
    parser = parser_of(__doc__)
    parser.prog = "twin-cnn"
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, what in COMMANDS.items():
        commands.add_parser(name, help=what, add_help=False)
    options = parser.parse_args(sys.argv[1:2])
    sys.argv = [f"twin-cnn {options.command}", *sys.argv[2:]]
    import_module(f"twin_cnn.{options.command}").main()


if __name__ == "__main__":
    main()
