"""The command-line options of `twin-cnn train`, and the session that they ask for."""

import argparse
import logging
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cnn_experiment.backend import BACKENDS
from cnn_experiment.command_line import (
    add_experiment_options,
    experiment_of,
    folder,
    must_be_a_folder,
    parser_of,
)
from cnn_experiment.errors import UserError
from cnn_experiment.look.live_curves import LiveCurves
from cnn_experiment.runs.checkpoint import BackendName
from cnn_experiment.runs.run_folder import RunFolder
from cnn_experiment.session import Session, TrainingOptions, new_session, resumed_session
from cnn_experiment.settings.options import add_setting_options, with_settings
from cnn_experiment.settings.presets import accuracy_line

_PRESET = "article-2"
_OF_THE_SESSION = ("checkpoint_every", "device", "threads", "data_dir", "compile", "plot")
_MAY_CHANGE = ("backend", "epochs", *_OF_THE_SESSION)
"""The options that can be given together with --resume."""


def train_parser(doc: str | None) -> argparse.ArgumentParser:
    """Return the parser; its help starts with `doc`."""
    parser = parser_of(doc)
    parser.add_argument(
        "--backend", choices=tuple(BACKENDS), help="default: torch, or the resumed run's own"
    )
    run = add_experiment_options(parser, _PRESET)
    run.add_argument(
        "--resume",
        type=folder,
        metavar="DIR",
        help="resume the run in this folder; only --backend, --epochs, --checkpoint-every,"
        " --device, --threads, --data-dir, --compile and --plot can be changed",
    )
    parser.add_argument(
        "--checkpoint-every",
        type=int,
        metavar="N",
        help="save a checkpoint every N steps too, not only after every epoch",
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="compute with N threads on the CPU; default: what the backend chooses",
    )
    parser.add_argument(
        "--compile",
        action="store_true",
        help="use torch.compile for PyTorch's network; for CUDA, where its speed is not measured",
    )
    parser.add_argument(
        "--plot",
        choices=("curves", "none"),
        help="curves: rewrite curves.png after every epoch, the default if matplotlib is installed",
    )
    parser.add_argument(
        "--data-dir",
        type=folder,
        metavar="P",
        help="folder that contains MNIST/raw or will; default: $MNIST_DIR, else the user's cache",
    )
    parser.add_argument(
        "--out",
        type=folder,
        metavar="DIR",
        help="the run's folder; default runs/NAME-BACKEND-seedS, NAME from the preset or file",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="move an older run in the folder into previous/"
    )
    add_setting_options(parser)
    return parser


def is_a_rank() -> bool:
    """Whether PyTorch's `torchrun` has started this process, as one of several of a run."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the command line; raise `UserError` for an option that --resume does not allow."""
    options = parser.parse_args()
    for name, value in vars(options).items():
        is_given = value != parser.get_default(name)
        if options.resume is not None and is_given and name not in ("resume", *_MAY_CHANGE):
            raise UserError(
                f"{name} = {value}: it cannot be changed in the middle of a run; accepted with"
                f" resume: {', '.join(_MAY_CHANGE)}"
            )
    return options


def name_of(options: argparse.Namespace) -> str:
    """Return the name of the folder of --resume, of the file of --experiment or of the preset."""
    named: Path | None = options.resume or options.experiment
    return named.stem if named else str(options.preset)


@contextmanager
def session_of(options: argparse.Namespace) -> Iterator[Session]:
    """Start or resume the run that the options describe; raises `UserError` if that fails."""
    training = TrainingOptions(
        options.device,
        options.compile,
        options.checkpoint_every,
        options.data_dir,
        options.threads,
        int(os.environ["WORLD_SIZE"]) if is_a_rank() else 1,
    )
    if options.resume is not None:
        session = resumed_session(
            RunFolder(options.resume),
            training,
            backend_name=options.backend,
            epochs=options.epochs,
        )
    else:
        must_be_a_folder(options.out)
        backend_name: BackendName = options.backend or "torch"
        session = new_session(
            with_settings(experiment_of(options), options),
            RunFolder(folder_of(options)),
            backend_name,
            training,
            overwrite=options.overwrite,
        )
    with session as ready:
        yield ready


def folder_of(options: argparse.Namespace) -> Path:
    """Return the run's folder: that of --resume, of --out, or the default one."""
    if options.resume is not None or options.out is not None:
        given: Path = options.resume or options.out
        return given
    seed = with_settings(experiment_of(options), options).seed
    return Path("runs") / f"{name_of(options)}-{options.backend or 'torch'}-seed{seed}"


def curves_of(options: argparse.Namespace, session: Session) -> tuple[LiveCurves, ...]:
    """Return what draws the curves; nothing for --plot none, or without matplotlib."""
    if options.plot == "none":
        return ()
    experiment, earlier = session.start.experiment, session.start.history
    file, line = session.folder.curves_file, accuracy_line(experiment)
    try:
        return (LiveCurves(experiment.epochs, earlier, file=file, line=line),)
    except UserError as error:
        if options.plot is not None:
            raise
        logging.info("no curves: %s", error)
        return ()


def command_to_go_on(options: argparse.Namespace, path: Path) -> str:
    """Return the command that resumes the run in `path` with the options used until now."""
    called = sys.argv[0]  # the file of a script, or the words `twin-cnn train`
    words = [sys.executable, called] if called.endswith(".py") else called.split()
    if is_a_rank():
        words = ["torchrun", "--nproc-per-node", os.environ["LOCAL_WORLD_SIZE"]]
        words += ["-m", "twin_cnn", "train"]
    words += ["--resume", str(path)]
    for option in _OF_THE_SESSION:
        value = getattr(options, option)
        if value not in (None, False, "auto"):
            words += [f"--{option.replace('_', '-')}", *([] if value is True else [str(value)])]
    return shlex.join(words)
