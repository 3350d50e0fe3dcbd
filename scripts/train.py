"""Train one backend on a published experiment, on a variation of it, or on one from a file.

    python scripts/train.py --backend torch --preset article-2 --out runs/article-2
    python scripts/train.py --resume runs/article-2

Writes experiment.json, history.csv, curves.png, checkpoints (latest.safetensors and, by validation
accuracy, best.safetensors) and at the end weights.safetensors (neutral names, Keras' layout) into
the run's folder. A run that was stopped or killed goes on with --resume, in either backend. Ctrl-C
and SIGTERM finish the step and keep the state; a second one ends the process at once.
"""

import argparse
import logging
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from backends import BACKENDS, load_backend  # scripts/backends.py, beside this file

PRESET = "article-2"
MAY_CHANGE = ("backend", "epochs", "device", "data_dir", "compile", "checkpoint_every", "plot")
"""Options that a resumed run takes anew."""


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--backend", choices=tuple(BACKENDS), help="default: torch, or the resumed run's own"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--preset",
        metavar="NAME",
        help="article-2 (the default), article-3-first, article-3, article-3-addendum, article-6"
        " or mlp",
    )
    what.add_argument(
        "--experiment", type=Path, metavar="FILE", help="an experiment.json, for every setting"
    )
    what.add_argument(
        "--resume",
        type=folder,
        metavar="DIR",
        help="go on with the run in this folder; --backend, --epochs, --device, --data-dir,"
        " --compile, --checkpoint-every and --plot can be given anew",
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
    parser.add_argument(
        "--plot",
        choices=("curves", "none"),
        help="curves: rewrite curves.png after every epoch, the default where matplotlib is there",
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
            print(f"{stop}; go on with: {command_to_go_on(options, stop.folder)}", file=sys.stderr)
            sys.exit(128 + stop.number)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def run(options: argparse.Namespace) -> None:
    """Prepare what can fail, then train in the run's folder, from its start or its checkpoint."""
    from cnn_experiment import RunFolder, load_mnist

    if options.resume is not None:
        must_be_resumable(options)
        run_folder = RunFolder(options.resume)
        run_folder.must_hold_a_run()
        with run_folder.taken():
            start = start_of(options, run_folder)
            backend = backend_for(options, start.experiment)
            digits = load_mnist(start.experiment, options.data_dir)
            train(options, run_folder, start, digits, backend)
        return
    options.backend = options.backend or "torch"
    experiment = experiment_of(options)
    default_out = Path("runs") / f"{name(options)}-{options.backend}-seed{experiment.seed}"
    run_folder = RunFolder(options.out or default_out)
    run_folder.must_be_free(overwrite=options.overwrite)
    digits = load_mnist(experiment, options.data_dir)
    digits.must_fit(experiment)
    backend = backend_for(options, experiment)
    with run_folder.taken():
        run_folder.must_be_free(overwrite=options.overwrite)
        run_folder.start(experiment, options.backend)
        train(options, run_folder, run_folder.read(), digits, backend)


def start_of(options: argparse.Namespace, run_folder: Any) -> Any:
    """The state to go on from, with the epochs of the command line; sets the backend to go on with.

    Raises `UserError` where there is nothing left to do.
    """
    from cnn_experiment import UserError

    kept = run_folder.read()
    experiment = kept.experiment.with_changes(**given(epochs=options.epochs))
    kept.must_fit(experiment)
    if kept.epoch == experiment.epochs and run_folder.weights_file.exists():
        raise UserError(
            f"resume = {run_folder.path}: the run is finished, after {kept.epoch} epochs;"
            " accepted: more --epochs"
        )
    options.backend = options.backend or kept.backend or "torch"
    return replace(kept, experiment=experiment)


def backend_for(options: argparse.Namespace, experiment: Any) -> ModuleType:
    """The backend's module; raises `UserError` where it cannot train this, before it is begun."""
    from cnn_experiment import UserError

    if options.backend != "torch":
        if options.compile:
            raise UserError(f"compile: accepted by the torch backend, not by {options.backend}")
        if experiment.precision != "full":
            raise UserError(
                f"precision = {experiment.precision!r}: accepted by the Keras backend: full"
            )
    backend = load_backend(options.backend)
    backend.pick_device(options.device)
    return backend


def train(
    options: argparse.Namespace, run_folder: Any, start: Any, digits: Any, backend: ModuleType
) -> None:
    """Train from the checkpoint `start` on, and save."""
    from cnn_experiment import Diverged, FolderKeeper, ProgressBar, UserError

    keeper = FolderKeeper(run_folder, options.checkpoint_every)
    experiment = start.experiment
    try:
        if options.resume is not None:
            run_folder.go_on(start)
        curves = curves_of(options, run_folder, start)
        parameters = sum(layer.parameters for layer in experiment.network.layers())
        print(
            f"{name(options)} on {options.backend} ({backend.pick_device(options.device)}):"
            f" {parameters:,} parameters, epochs: {experiment.epochs},"
            f" batches in each: {experiment.steps_per_epoch}"
            + (f"; going on after {start}" if start.iteration else ""),
            flush=True,
        )
        with keeper:
            model, history = backend.train(
                experiment,
                digits,
                device=options.device,
                watchers=(ProgressBar(experiment, start), *curves),
                keeper=keeper,
                start=start,
                **({"compiled": True} if options.compile else {}),
            )
        run_folder.finish(backend.neutral_weights(model))
    except (Diverged, OSError) as error:
        file = run_folder.latest_file
        raise UserError(f"{error}; {file} holds the run after {run_folder.read()}") from error
    print(f"test accuracy {history[-1].val_accuracy:.4f}, loss {history[-1].val_loss:.4f}")
    written = [*run_folder.files, *(run_folder.curves_file for drawn in curves if drawn.is_drawn)]
    print(f"wrote {', '.join(file.name for file in written)} to {run_folder.path}")


def curves_of(options: argparse.Namespace, run_folder: Any, start: Any) -> tuple[Any, ...]:
    """The watcher that draws, or none where that is not wanted, or not asked for and not there."""
    from cnn_experiment import LiveCurves, UserError

    if options.plot == "none":
        return ()
    try:
        file = run_folder.curves_file
        return (LiveCurves(start.experiment.epochs, start.history, file=file),)
    except UserError as error:
        if options.plot is not None:
            raise
        logging.info("no curves: %s", error)
        return ()


def must_be_resumable(options: argparse.Namespace) -> None:
    """Raise `UserError` for options that are the run's already."""
    from cnn_experiment import UserError

    for option, value in vars(options).items():
        is_given = value is not None and value is not False
        if option == "staircase":
            is_given = value is not None
        if is_given and option not in ("resume", *MAY_CHANGE):
            raise UserError(
                f"{option} = {value}: it cannot be changed in the middle of a run; accepted with"
                f" resume: {', '.join(MAY_CHANGE)}"
            )


def command_to_go_on(options: argparse.Namespace, folder: Path) -> str:
    """What to type to go on with the run as it was."""
    words = [sys.executable, sys.argv[0], "--resume", str(folder)]
    for option in ("checkpoint_every", "device", "data_dir", "compile", "plot"):
        value = getattr(options, option)
        if value not in (None, False, "auto"):
            words += [f"--{option.replace('_', '-')}", *([] if value is True else [str(value)])]
    return shlex.join(words)


def name(options: argparse.Namespace) -> str:
    """What the run is called: the preset, the file or the folder."""
    named = options.resume or options.experiment
    return named.stem if named else options.preset or PRESET


def experiment_of(options: argparse.Namespace) -> Any:
    """Return the preset or the file's experiment, with the settings of the command line."""
    from cnn_experiment import preset
    from cnn_experiment.runs.run_folder import read_experiment
    from cnn_experiment.settings.overrides import with_overrides

    if options.experiment is not None:
        experiment = read_experiment(options.experiment)
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


def folder(text: str) -> Path:
    """Return the path; an empty one is refused, since it would mean the present folder."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; accepted: a folder")
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
