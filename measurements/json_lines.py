"""Files of measured results: each line is one value as JSON."""

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

from cnn_experiment import UserError
from cnn_experiment.atomic_file import write_atomically
from cnn_experiment.command_line import must_be_a_folder
from cnn_experiment.value import Value

V = TypeVar("V", bound=Value)

_read_before: dict[tuple[Path, type[Value]], tuple[bytes, list[Any]]] = {}
"""The content of each file when it was last read, and the values in it."""


def must_be_a_file_of_lines(file: Path, option: str) -> None:
    """Raise `UserError` for a path to which no line can be added; its folder may be missing."""
    if file.is_dir():
        raise UserError(f"{option} = {file}: it is a folder; accepted: a file, new or old")
    must_be_a_folder(file.parent, option)


def read_lines(file: Path, kind: type[V]) -> list[V]:
    """Return the values in a file that `add_line` wrote; none if there is no file.

    Lines that this process has read before are not parsed again, so that a study may look at its
    results after each of thousands of runs. Raises `UserError`, which names the line, for a file
    with other content.
    """
    content = file.read_bytes() if file.exists() else b""
    known, values = _read_before.get((file, kind), (b"", []))
    if not (known.endswith(b"\n") and content.startswith(known)):
        known, values = b"", []
    values = list(values)
    for number, line in enumerate(content[len(known) :].splitlines(), start=len(values) + 1):
        try:
            values.append(kind.from_json(line))
        except UserError as error:
            raise UserError(f"{file}, line {number}: {error}") from error
    _read_before[file, kind] = content, values
    return list(values)


def add_line(file: Path, value: Value) -> None:
    """Append a line; the file is never left half-written. Other processes may append, too."""
    with _locked(file):
        before = file.read_bytes() if file.exists() else b""
        if before and not before.endswith(b"\n"):
            before += b"\n"
        line = value.model_dump_json(exclude_none=True)
        write_atomically(file, before + f"{line}\n".encode())


def add_once(file: Path, value: V, identity: Callable[[V], Hashable]) -> None:
    """Append a line, unless the file has one of the same identity."""
    with _locked(file):
        if identity(value) not in map(identity, read_lines(file, type(value))):
            add_line(file, value)


def _locked(file: Path) -> FileLock:
    """Return the lock that whoever adds a line must hold; its holder may take it again."""
    file.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(file.with_name(f".{file.name}.lock"), is_singleton=True)
