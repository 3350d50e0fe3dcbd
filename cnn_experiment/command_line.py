"""What the scripts share: common options, checks of output paths, and how errors are printed.

Importing this module loads no framework.
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
    """Return a parser whose help starts with `doc`, a script's docstring, with its line breaks."""
    return argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )


@contextmanager
def errors_as_one_sentence(about: str | None = None) -> Iterator[None]:
    """Turn `UserError` and `OSError` into one sentence on stderr and exit status 1.

    `about` is what the sentence begins with, where several things are done at once.
    """
    start = "error: " if about is None else f"error: {about}: "
    try:
        yield
    except UserError as error:
        sys.exit(f"{start}{error}")
    except OSError as error:
        sys.exit(f"{start}{sentence_of(error)}")


def add_experiment_options(
    parser: argparse.ArgumentParser, default: str | None
) -> argparse._MutuallyExclusiveGroup:
    """Add --preset and --experiment, which exclude each other; `experiment_of` reads them.

    Returns their group, so that a script can add more options that exclude these two.
    """
    names = ", ".join(PRESETS)
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--preset",
        metavar="NAME",
        default=default,
        help=f"{names}; default {default}" if default else names,
    )
    group.add_argument(
        "--experiment", type=Path, metavar="FILE", help="an experiment.json, such as a run's"
    )
    return group


def experiment_of(options: argparse.Namespace) -> Experiment:
    """Return the experiment of --experiment FILE or, without that option, of --preset NAME."""
    if options.experiment is not None:
        return read_experiment(options.experiment)
    return preset(options.preset)


def folder(text: str) -> Path:
    """Return the path of an option; refuse an empty one, which would mean the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; accepted: a folder")
    return Path(text)


def whole_numbers(text: str) -> list[int]:
    """Return the whole numbers between the commas; a `type` for argparse."""
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}; accepted: whole numbers with commas between, as 6,24,16"
        ) from None


def must_be_at_least_one(**counts: int | None) -> None:
    """Raise `UserError` for the first of these options that is less than 1; None is skipped."""
    for name, count in counts.items():
        if count is not None and count < 1:
            raise UserError(f"{name} = {count}: accepted: 1 or more")


def must_be_writable_file(
    path: Path | None, option: str = "out", endings: Sequence[str] = ()
) -> None:
    """Raise `UserError` for an output file that cannot be written; call it before the work.

    `endings` are the accepted endings of the file's name, such as `.png`; empty accepts all.
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
    """Raise `UserError` for a picture that cannot be drawn or written; call it before the work."""
    must_be_writable_file(path, option, endings)
    if path is not None and find_spec("matplotlib") is None:
        raise UserError(
            f"{option} = {path}: matplotlib is not installed here; pip install '.[plots]'"
        )


def must_be_a_folder(path: Path | None, option: str = "out") -> None:
    """Raise `UserError` for an output folder that cannot be created; call it before the work."""
    if path is None:
        return
    for part in (path, *path.parents):
        if part.exists():
            if not part.is_dir():
                file = "it" if part == path else part
                raise UserError(f"{option} = {path}: {file} is a file; accepted: a folder")
            return
