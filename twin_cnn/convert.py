"""Convert weights between our checkpoints, PyTorch and Keras. No code in a file is run.

    twin-cnn convert cnn.h5 start/latest.safetensors --to checkpoint
    twin-cnn convert runs/mine/latest.safetensors cnn.weights.h5
    twin-cnn convert cnn.weights.h5 cnn.safetensors --to torch --preset article-2

IN is recognised by its content: our checkpoint or weights.safetensors, a PyTorch state_dict as
safetensors, or Keras' cnn.h5, cnn.keras or cnn.weights.h5. If it holds weights alone, give the
network with --preset or --experiment. If it describes its network, the two must be the same. The
dtype is kept. A new checkpoint is at iteration 0; `twin-cnn train --resume` trains from it. Without
--preset and --experiment it has the Keras model's own regularizer, optimizer and schedule, if an
experiment can have them. The command names what it takes of these and what it does not take.

--names is for a PyTorch module of your own: a JSON file that gives, for each name in its
state_dict, our name, {"features.0.weight": "conv2d_1/kernel", ...}. The state_dict is OUT with
--to torch, and otherwise IN.
"""

import argparse
import sys
from pathlib import Path

from cnn_experiment.command_line import (
    add_experiment_options,
    errors_as_one_sentence,
    experiment_of,
    parser_of,
)
from cnn_experiment.formats.conversion import KERAS_ENDING, convert, kind_of_target
from cnn_experiment.formats.state_dict_names import read_names
from cnn_experiment.formats.weight_files import KINDS


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    parser.add_argument("source", type=Path, metavar="IN", help="the model file to read")
    parser.add_argument("target", type=Path, metavar="OUT", help="the file to write")
    parser.add_argument(
        "--to", choices=KINDS, help=f"the kind of OUT; default keras if it ends in {KERAS_ENDING}"
    )
    add_experiment_options(parser, None)
    parser.add_argument(
        "--names", type=Path, metavar="FILE", help="JSON: our name for each of your module's"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")
    return parser.parse_args()


def main() -> None:
    """Convert as the command line says; exit with status 1 and one sentence for wrong input."""
    options = arguments()
    try:
        with errors_as_one_sentence():
            kind = kind_of_target(options.target, options.to, overwrite=options.overwrite)
            is_given = options.experiment is not None or options.preset is not None
            experiment = experiment_of(options) if is_given else None
            names = None if options.names is None else read_names(options.names)
            print(convert(options.source, options.target, kind, experiment, names))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
