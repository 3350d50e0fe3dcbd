"""What the command lines share: common options, checks of an output's place, how errors end.

Loads no framework.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from cnn_experiment.errors import UserError, sentence_of
from cnn_experiment.runs.run_folder import read_experiment
from cnn_experiment.settings.experiment import Experiment
from cnn_experiment.settings.presets import PRESETS, preset


def parser_of(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help begins with a script's docstring, its line breaks kept."""
    return argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )


@contextmanager
def errors_as_one_sentence() -> Iterator[None]:
    """End the process with status 1 and one sentence on bad input and on files out of reach."""
    try:
        yield
    except UserError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: {sentence_of(error)}")


def add_experiment_options(
    parser: argparse.ArgumentParser, default: str | None
) -> argparse._MutuallyExclusiveGroup:
    """Add --preset and --experiment, of which one can be given; `experiment_of` reads them.

    Returns their group, for options that can be given instead of them.
    """
    names = ", ".join(PRESETS)
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--preset",
        metavar="NAME",
        default=default,
        help=f"{names}; default {default}" if default else names,
    )
    what.add_argument(
        "--experiment", type=Path, metavar="FILE", help="an experiment.json, such as a run's"
    )
    return what


def experiment_of(options: argparse.Namespace) -> Experiment:
    """Return the experiment of --experiment FILE, else the one of --preset NAME."""
    if options.experiment is not None:
        return read_experiment(options.experiment)
    return preset(options.preset)


def folder(text: str) -> Path:
    """Return the path of an option; an empty one is refused, since it means the present folder."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; accepted: a folder")
    return Path(text)


def must_be_at_least_one(**counts: int | None) -> None:
    """Raise `UserError` for the first option that was given as less than 1."""
    for name, count in counts.items():
        if count is not None and count < 1:
            raise UserError(f"{name} = {count}: accepted: 1 or more")


def must_be_writable_file(
    path: Path | None, option: str = "out", endings: Sequence[str] = ()
) -> None:
    """Raise `UserError` for an output file that could not be written once the work is done.

    `endings` are those that the file's name may have, as `.png`; any, where none is given.
    """
    if path is None:
        return
    if endings and path.suffix.lower() not in endings:
        raise UserError(f"{option} = {path}: accepted: a name that ends in {' or '.join(endings)}")
    if path.is_dir() or not path.parent.is_dir():
        raise UserError(f"{option} = {path}: accepted: a file in a folder that exists")


def must_be_writable_picture(
    path: Path | None, option: str = "plot", endings: Sequence[str] = (".png",)
) -> None:
    """Raise `UserError` for a picture that could not be drawn or written once the work is done."""
    must_be_writable_file(path, option, endings)
    if path is not None and find_spec("matplotlib") is None:
        raise UserError(
            f"{option} = {path}: matplotlib is not installed here; pip install '.[plots]'"
        )


def must_be_a_folder(path: Path | None, option: str = "out") -> None:
    """Raise `UserError` for an output folder that could not be made once the work is done."""
    if path is None:
        return
    for part in (path, *path.parents):
        if part.exists():
            if not part.is_dir():
                found = "it" if part == path else part
                raise UserError(f"{option} = {path}: {found} is a file; accepted: a folder")
            return
