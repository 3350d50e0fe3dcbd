"""Write a file completely or not at all."""

import csv
import io
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write_atomically(path: Path | str, content: bytes) -> None:
    """Replace `path` by `content`: write a new file beside it, flush it to disk, then rename it.

    A process that reads `path` during the write or after a crash gets the old content or the new
    content, never a part of it. The folder is flushed too, so that the new name survives a power
    cut. Raises `OSError` with the name of `path`.
    """
    try:
        _write(Path(path), content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write(path: Path, content: bytes) -> None:
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with scratch.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
        if os.name == "posix":  # other systems cannot open a folder
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    finally:
        scratch.unlink(missing_ok=True)


def remove_unfinished(folder: Path | str) -> None:
    """Remove the temporary files that killed processes left behind in `write_atomically`."""
    for scratch in Path(folder).glob(".*.partial"):
        scratch.unlink(missing_ok=True)


def write_table_atomically(path: Path | str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace `path` by the rows as CSV with a header line; `rows` must not be empty.

    Every float has the shortest form that reads back as the same number.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())


def write_json_atomically(path: Path | str, value: object) -> None:
    """Replace `path` by the value as indented JSON; raises `ValueError` for NaN and infinity."""
    write_atomically(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())
