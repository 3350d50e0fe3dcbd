"""Train one backend on a published experiment, on a variation of it, or on one from a file.

    python scripts/train.py --backend torch --preset article-2 --out runs/article-2
    python scripts/train.py --resume runs/article-2

Writes experiment.json, history.csv, checkpoints (latest.safetensors and, by validation accuracy,
best.safetensors) and at the end weights.safetensors (neutral names, Keras' layout) into the run's
folder. A run that was stopped or killed goes on with --resume, in either backend. Ctrl-C and
SIGTERM finish the step and keep the state; a second one ends the process at once.
"""

import argparse
import contextlib
import importlib
import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

PRESET = "article-2"
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
        metavar="NAME",
        help="article-2 (the default), article-3-first, article-3, article-3-addendum, article-6"
        " or mlp",
    )
    what.add_argument(
        "--experiment", type=file, metavar="FILE", help="an experiment.json, for every setting"
    )
    what.add_argument(
        "--resume",
        type=folder,
        metavar="DIR",
        help="go on with the run in this folder; --backend, --epochs, --device, --data-dir,"
        " --compile and --checkpoint-every can be given anew",
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="instead of the preset's")
    parser.add_argument(
        "--checkpoint-every",
        type=int,
        metavar="N",
        help="keep the state every N steps, besides after every epoch",
    )
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
        from cnn_experiment import Stopped, UserError

        try:
            run(options)
        except (UserError, OSError) as error:
            sys.exit(f"error: {error}")
        except Stopped as stop:
            print(f"{stop}; go on with: {sys.argv[0]} --resume {stop.folder}", file=sys.stderr)
            sys.exit(128 + stop.number)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def run(options: argparse.Namespace) -> None:
    """Prepare what can fail, then train in the run's folder, from its start or its checkpoint."""
    from cnn_experiment import RunFolder, UserError, load_mnist

    if options.compile and options.backend != "torch":
        raise UserError(f"compile: accepted by the torch backend, not by {options.backend}")
    if options.resume is not None:
        run_folder = must_be_resumable(options)
        with run_folder.taken():
            experiment, start = run_folder.read()
            experiment = experiment.with_changes(**given(epochs=options.epochs))
            if start is not None:
                start.must_fit(experiment)
                if start.epoch == experiment.epochs and run_folder.weights_file.exists():
                    raise UserError(
                        f"resume = {run_folder.path}: the run is finished, after"
                        f" {start.epoch} epochs; accepted: more --epochs"
                    )
            train(options, run_folder, experiment, load_mnist(experiment, options.data_dir), start)
        return
    experiment = experiment_of(options)
    default_out = Path("runs") / f"{name(options)}-{options.backend}-seed{experiment.seed}"
    run_folder = RunFolder(options.out or default_out)
    run_folder.must_be_free(overwrite=options.overwrite)
    digits = load_mnist(experiment, options.data_dir)
    digits.must_fit(experiment)
    train(options, run_folder, experiment, digits, None)


def train(
    options: argparse.Namespace,
    run_folder: Any,
    experiment: Any,
    digits: Any,
    start: Any,
) -> None:
    """Train and save; `start` is the checkpoint to go on from."""
    from cnn_experiment import Diverged, FolderKeeper, ProgressBar, UserError

    backend = load_backend(options.backend)
    device = backend.pick_device(options.device)
    keeper = FolderKeeper(run_folder, options.checkpoint_every)
    with contextlib.ExitStack() as stack:
        if options.resume is None:
            stack.enter_context(run_folder.taken())
            run_folder.must_be_free(overwrite=options.overwrite)
            run_folder.start(experiment)
        else:
            run_folder.go_on(experiment, start)
        parameters = sum(layer.parameters for layer in experiment.network.layers())
        print(
            f"{name(options)} on {options.backend} ({device}): {parameters:,} parameters,"
            f" epochs: {experiment.epochs}, batches in each: {experiment.steps_per_epoch}"
            + (f"; going on at {start}" if start is not None else ""),
            flush=True,
        )
        try:
            with keeper:
                model, history = backend.train(
                    experiment,
                    digits,
                    device=options.device,
                    watchers=(ProgressBar(experiment, start),),
                    keeper=keeper,
                    start=start,
                    **({"compiled": True} if options.compile else {}),
                )
        except (Diverged, OSError) as error:
            raise UserError(f"{error}; {what_is_kept(run_folder)}") from error
        run_folder.finish(backend.neutral_weights(model))
    print(f"test accuracy {history[-1].val_accuracy:.4f}, loss {history[-1].val_loss:.4f}")
    print(f"wrote {', '.join(file.name for file in run_folder.files)} to {run_folder.path}")


def must_be_resumable(options: argparse.Namespace) -> Any:
    """Return the folder to go on in; raise `UserError` for options that are the run's already."""
    from cnn_experiment import RunFolder, UserError

    may_change = {"resume", "backend", "epochs", "device", "data_dir", "compile"}
    may_change |= {"checkpoint_every"}
    for option, value in vars(options).items():
        if option not in may_change and value not in (None, False):
            raise UserError(
                f"{option} = {value}: it cannot be changed in the middle of a run; accepted with"
                f" resume: {', '.join(sorted(may_change - {'resume'}))}"
            )
    run_folder = RunFolder(options.resume)
    run_folder.must_hold_a_run()
    return run_folder


def what_is_kept(run_folder: Any) -> str:
    """Say which state there is to go on from."""
    from cnn_experiment import read_checkpoint

    if not run_folder.latest_file.exists():
        return "no state was kept yet"
    return f"{run_folder.latest_file} holds {read_checkpoint(run_folder.latest_file)}"


def name(options: argparse.Namespace) -> str:
    """What the run is called: the preset, the file or the folder."""
    named = options.resume or options.experiment
    return named.stem if named else options.preset or PRESET


def experiment_of(options: argparse.Namespace) -> Any:
    """Return the preset or the file's experiment, with the settings of the command line."""
    from cnn_experiment import Experiment, preset
    from cnn_experiment.overrides import with_overrides

    if options.experiment is not None:
        experiment = Experiment.from_json(options.experiment.read_bytes())
    else:
        experiment = preset(options.preset or PRESET)
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
