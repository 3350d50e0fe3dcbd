"""Train one backend on a published experiment, on a variation of it, or on one from a file.

    python scripts/train.py --backend torch --preset article-2 --out runs/article-2

Writes experiment.json, history.csv and weights.safetensors (neutral names, Keras' layout) into the
run's folder.
"""

import argparse
import importlib
import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

BACKENDS = {"torch": "torch_cnn", "keras": "keras_ref"}


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backend", choices=tuple(BACKENDS), default="torch")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--preset",
        default="article-2",
        metavar="NAME",
        help="article-2 (the default), article-3-first, article-3, article-3-addendum, article-6"
        " or mlp",
    )
    what.add_argument(
        "--experiment", type=file, metavar="FILE", help="an experiment.json, for every setting"
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="instead of the preset's")
    parser.add_argument(
        "--seed",
        type=int,
        metavar="S",
        help="decides split, initial weights and batches; default 0",
    )
    parser.add_argument(
        "--precision",
        choices=("full", "bfloat16"),
        help="bfloat16: PyTorch computes in it on float32 weights; no longer the same as Keras",
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument(
        "--compile",
        action="store_true",
        help="pass PyTorch's network through torch.compile: for CUDA, where it was never measured",
    )
    parser.add_argument("--train-images", type=int, metavar="N", help="the first N; default 60000")
    parser.add_argument("--test-images", type=int, metavar="N", help="the first N; default 10000")
    parser.add_argument(
        "--data-dir",
        type=folder,
        metavar="P",
        help="folder that holds or gets MNIST/raw; default: $MNIST_DIR, else the user's cache",
    )
    parser.add_argument(
        "--out",
        type=folder,
        metavar="DIR",
        help="the run's folder; default runs/NAME-BACKEND-seedS, of the preset or the file",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="move a run in the folder aside, into previous/"
    )
    settings = parser.add_argument_group("settings, instead of the preset's or the file's")
    settings.add_argument("--optimizer", metavar="NAME", help="rmsprop, nadam or adamax")
    settings.add_argument("--momentum", type=float, metavar="X", help="of rmsprop")
    settings.add_argument(
        "--schedule", metavar="NAME", help="constant, inverse_time or exponential"
    )
    settings.add_argument("--learning-rate", type=float, metavar="X", help="the initial one")
    settings.add_argument("--decay-steps", type=float, metavar="X", help="updates in a period")
    settings.add_argument("--decay-rate", type=float, metavar="X", help="of a period")
    settings.add_argument("--staircase", action=argparse.BooleanOptionalAction)
    settings.add_argument("--l1", type=float, metavar="X", help="strength of an L1 regularizer")
    settings.add_argument("--l2", type=float, metavar="X", help="strength of an L2 regularizer")
    settings.add_argument(
        "--filters", type=counts, metavar="N,N,...", help="maps of each convolution: 32,64,64"
    )
    settings.add_argument(
        "--dense", type=counts, metavar="N,...", help="units of each hidden dense layer: 70"
    )
    return parser.parse_args()


def main() -> None:
    """Train as the command line says; exit with 1 and one sentence where that cannot be done."""
    options = arguments()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        from cnn_experiment import UserError

        try:
            run(options)
        except (UserError, OSError) as error:
            sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def run(options: argparse.Namespace) -> None:
    """Prepare everything that can fail, then begin the run's folder, train and save."""
    from cnn_experiment import ProgressBar, RunFolder, UserError, load_mnist

    experiment = experiment_of(options)
    name = options.experiment.stem if options.experiment else options.preset
    default_out = Path("runs") / f"{name}-{options.backend}-seed{experiment.seed}"
    run_folder = RunFolder(options.out or default_out)
    run_folder.must_be_free(overwrite=options.overwrite)
    digits = load_mnist(experiment, options.data_dir)
    digits.must_fit(experiment)
    backend = load_backend(options.backend)
    device = backend.pick_device(options.device)

    if options.compile and options.backend != "torch":
        raise UserError(f"compile: accepted by the torch backend, not by {options.backend}")

    run_folder.start(experiment)
    parameters = sum(layer.parameters for layer in experiment.network.layers())
    print(
        f"{name} on {options.backend} ({device}): {parameters:,} parameters,"
        f" epochs: {experiment.epochs}, batches in each: {experiment.steps_per_epoch}",
        flush=True,
    )
    model, history = backend.train(
        experiment,
        digits,
        device=options.device,
        watchers=(run_folder, ProgressBar(experiment)),
        **({"compiled": True} if options.compile else {}),
    )
    run_folder.finish(backend.neutral_weights(model))
    print(f"test accuracy {history[-1].val_accuracy:.4f}, loss {history[-1].val_loss:.4f}")
    print(f"wrote {', '.join(file.name for file in run_folder.files)} to {run_folder.path}")


def experiment_of(options: argparse.Namespace) -> Any:
    """Return the preset or the file's experiment, with the settings of the command line."""
    from cnn_experiment import Experiment, preset
    from cnn_experiment.overrides import with_overrides

    if options.experiment is not None:
        experiment = Experiment.from_json(options.experiment.read_bytes())
    else:
        experiment = preset(options.preset)
    images = given(train_images=options.train_images, test_images=options.test_images)
    experiment = experiment.with_changes(
        data=experiment.data.with_changes(**images),
        **given(epochs=options.epochs, seed=options.seed, precision=options.precision),
    )
    return with_overrides(
        experiment,
        optimizer=options.optimizer,
        momentum=options.momentum,
        schedule=options.schedule,
        learning_rate=options.learning_rate,
        decay_steps=options.decay_steps,
        decay_rate=options.decay_rate,
        staircase=options.staircase,
        l1=options.l1,
        l2=options.l2,
        filters=options.filters,
        dense=options.dense,
    )


def load_backend(name: str) -> ModuleType:
    """Import the backend; raise `UserError` where its framework is not installed."""
    from cnn_experiment import UserError

    try:
        return importlib.import_module(BACKENDS[name])
    except ModuleNotFoundError as error:
        raise UserError(
            f"backend = {name!r}: {error.name} is not installed here; pip install '.[{name}]'"
        ) from error


def folder(text: str) -> Path:
    """Return the path; an empty one is refused, since it would mean the present folder."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; accepted: a folder")
    return Path(text)


def file(text: str) -> Path:
    """Return the path of a file that exists."""
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"{text!r} is no file; accepted: an experiment.json")
    return Path(text)


def counts(text: str) -> list[int]:
    """Return the whole numbers between the commas."""
    try:
        return [int(number) for number in text.split(",")] if text else []
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}; accepted: whole numbers with commas between, as 32,64,64"
        ) from None


def given(**values: Any) -> dict[str, Any]:
    """Return the options that were given on the command line."""
    return {name: value for name, value in values.items() if value is not None}


if __name__ == "__main__":
    main()
