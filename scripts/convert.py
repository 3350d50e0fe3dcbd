"""Convert weights between our checkpoints, PyTorch and Keras, without running anything in a file.

    python scripts/convert.py cnn.h5 start/latest.safetensors --to checkpoint
    python scripts/convert.py runs/mine/latest.safetensors cnn.weights.h5
    python scripts/convert.py cnn.weights.h5 cnn.safetensors --to torch --preset article-2

IN is recognised by its content: a checkpoint or a weights.safetensors of ours, a PyTorch state_dict
as safetensors, Keras' cnn.h5 (the whole model), cnn.keras or cnn.weights.h5. Where it holds weights
alone, --preset or --experiment tells the network; where it tells its own network, it must be the
same. A checkpoint begins at iteration 0: train.py --resume trains from it. The dtype is the file's.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

KINDS = ("checkpoint", "torch", "keras")
KERAS_ENDING = ".weights.h5"


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, metavar="IN", help="the model file to read")
    parser.add_argument("target", type=Path, metavar="OUT", help="the file to write")
    parser.add_argument(
        "--to", choices=KINDS, help=f"what OUT becomes; keras if it ends in {KERAS_ENDING}"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--preset", metavar="NAME", help="the published experiment: article-2, ...")
    what.add_argument(
        "--experiment", type=Path, metavar="FILE", help="an experiment.json, such as a run's"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")
    return parser.parse_args()


def main() -> None:
    """Convert as the command line says; exit with 1 and one sentence where that cannot be done."""
    options = arguments()
    from cnn_experiment import UserError

    try:
        convert(options)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def convert(options: argparse.Namespace) -> None:
    """Check the target, read and check the source, then write all of the target."""
    from cnn_experiment import preset, read_weights
    from cnn_experiment.atomic_file import write_atomically
    from cnn_experiment.formats.weight_files import SETTINGS_OF, weights_as

    kind = kind_of_target(options)
    given = experiment_of(options)
    experiment, weights = read_weights(options.source, given)
    write_atomically(options.target, weights_as(kind, experiment, weights))
    count = sum(array.size for array in weights.values())
    print(f"wrote {options.target}: {kind}, {count:,} parameters in {experiment.dtype}")
    if kind == "checkpoint":
        settings = preset(SETTINGS_OF).with_changes(
            network=experiment.network, dtype=experiment.dtype
        )
        whose = f"{SETTINGS_OF}'s" if experiment == settings else "its experiment's"
        print(f"it begins at iteration 0, to be trained with {whose} settings")


def kind_of_target(options: argparse.Namespace) -> str:
    """What to write; raises `UserError` where it is not told, or where something is in the way."""
    from cnn_experiment import RunFolder, UserError

    target: Path = options.target
    is_keras = target.name.endswith(KERAS_ENDING)
    kind: str | None = options.to or ("keras" if is_keras else None)
    if kind is None:
        raise UserError(f"out = {target}: its ending tells no kind; accepted: with --to")
    if (kind == "keras") != is_keras:
        raise UserError(
            f"out = {target}: accepted: a name that ends in {KERAS_ENDING} for keras, which Keras"
            " asks for, and another for the others"
        )
    if target.is_dir():
        raise UserError(f"out = {target}: it is a folder; accepted: a file")
    if target.exists() and not options.overwrite:
        raise UserError(f"out = {target}: it is there; accepted: another name, or --overwrite")
    run_folder = RunFolder(target.parent)
    if target in run_folder.files and run_folder.experiment_file.exists():
        raise UserError(f"out = {target}: it is part of a run; accepted: a folder of its own")
    if not target.parent.is_dir():
        raise UserError(f"out = {target}: its folder is not there; accepted: in one that is")
    return kind


def experiment_of(options: argparse.Namespace) -> Any:
    """The preset or the file's experiment, or None where neither is given."""
    from cnn_experiment import preset
    from cnn_experiment.runs.run_folder import read_experiment

    if options.experiment is not None:
        return read_experiment(options.experiment)
    return preset(options.preset) if options.preset is not None else None


if __name__ == "__main__":
    main()
