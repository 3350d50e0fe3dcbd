"""A climb with a person's own model and port, as `twin-cnn parity --reference ...` runs it."""

import argparse
from pathlib import Path

from tqdm import tqdm

from cnn_experiment import UserError
from cnn_experiment.command_line import must_be_a_folder
from parity_ladder import LadderError
from parity_ladder.own_port import OwnPort

_NAMES = ("reference", "port", "batches")
_OF_THE_EXPERIMENT = ("preset", "experiment", "mutant", "seed", "device", "random_digits")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add --reference, --port and --batches."""
    group = parser.add_argument_group("your own port", "objects in the current folder's modules")
    add = group.add_argument
    add("--reference", metavar="M:O", help="a compiled Keras model, or a function that returns one")
    add("--port", metavar="M:O", help="a TorchSide, or a function of the model that returns one")
    add("--batches", metavar="M:O", help="a list of batches (x, y), or a function that returns one")


def is_asked_for(options: argparse.Namespace) -> bool:
    """Return whether a climb with an own port is asked for."""
    return any(getattr(options, name) is not None for name in _NAMES)


def climb(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Climb as the options say, print, and write; return the exit status.

    Raises `UserError` for options and names that are not accepted.
    """
    missing = [name for name in _NAMES if getattr(options, name) is None]
    if missing:
        raise UserError(f"{missing[0]}: it is missing; accepted: --reference, --port and --batches")
    for name in _OF_THE_EXPERIMENT:
        if getattr(options, name) != parser.get_default(name):
            raise UserError(f"{name}: it is about the MNIST experiment; accepted: without --port")
    if options.report and options.out is None:
        raise UserError("report: it needs a folder; accepted: with --out DIR")
    must_be_a_folder(options.out)
    try:
        return _climb(options)
    except LadderError as error:
        raise UserError(str(error)) from error


def _climb(options: argparse.Namespace) -> int:
    if options.report:
        import parity_ladder.report  # noqa: F401 - is jinja2 installed?
    own = OwnPort(
        options.reference,
        options.port,
        options.batches,
        dtype=options.dtype,
        steps=options.steps,
        twins=options.twins,
    )
    result = own.climb(on_rung=lambda rung: tqdm.write(str(rung)))
    if options.out is not None:
        folder: Path = options.out
        folder.mkdir(parents=True, exist_ok=True)
        result.write_json(folder / "parity.json")
        if options.report:
            result.write_page(folder / "report.html", f"{options.port} against {options.reference}")
    for line in (*(f"not compared: {each}" for each in result.not_compared), *result.notes):
        tqdm.write(line)
    tqdm.write(result.verdict)
    return 0 if result.holds else 1
