"""Unpack a `.keras` archive, a zip file, and check all its claims before relying on them."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from cnn_experiment.errors import UserError, shortened
from cnn_experiment.value import accepted

MAGIC = b"PK\x03\x04"
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MEMBERS = ("metadata.json", _CONFIG, _WEIGHTS)
_LONGEST_CONFIG = 2**20
_HIGHEST_RATIO = 20
"""The largest accepted ratio of unpacked to packed bytes. Keras does not compress, and compression
hardly shrinks trained weights. A zip bomb, which unpacks to a huge file of zeros, has about
1,000."""
_LARGEST_WEIGHTS = 4 * 2**30
_END_LENGTH, _LOCATOR_LENGTH = 22, 20
_PIECE = 2**20


@contextmanager
def opened(path: Path | str) -> Iterator[tuple[bytes, Path]]:
    """Yield the model's JSON and the path of a temporary copy of the HDF5 file with its weights.

    Raises `UserError` for a file that is not such an archive, or that is damaged.
    """
    with TemporaryDirectory() as folder:
        copy = Path(folder) / _WEIGHTS
        yield _read(Path(path), copy), copy


def _read(path: Path, copy_of_weights: Path) -> bytes:
    try:
        _must_have_few_members(path)
        with zipfile.ZipFile(path) as archive:
            config, weights = _checked_members(archive)
            _unpack(archive, weights, copy_of_weights)
            with archive.open(config) as member:
                return member.read(_LONGEST_CONFIG)
    except UserError:
        raise
    except (  # OSError: the archive points to a position outside the file
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        NotImplementedError,
    ) as error:
        reason = shortened(str(error), limit=200)
        raise UserError(f"it cannot be read as a zip archive: {reason}") from error


def _must_have_few_members(path: Path) -> None:
    """Raise `UserError` for a long list of members, which `zipfile` would read into memory.

    The record at the end of the file holds the length of the list. A comment after that record, and
    the 64-bit form of the list, are refused too: Keras writes neither.
    """
    with path.open("rb") as file:
        file.seek(-min(path.stat().st_size, _END_LENGTH + _LOCATOR_LENGTH), 2)
        last = file.read()
    end = last[-_END_LENGTH:]
    if not end.startswith(b"PK\x05\x06") or last.startswith(b"PK\x06\x07"):
        raise UserError("it is not a zip archive as Keras writes it, or it is cut off")
    count = int.from_bytes(end[10:12], "little")
    length = int.from_bytes(end[12:16], "little")
    if count > len(_MEMBERS) or length > _PIECE:
        raise UserError(f"it has {count} members; {accepted(_MEMBERS)}")


def _checked_members(archive: zipfile.ZipFile) -> tuple[zipfile.ZipInfo, zipfile.ZipInfo]:
    """Return the entries of configuration and weights; raises `UserError` for other entries."""
    members = {member.filename: member for member in archive.infolist()}
    for name, member in members.items():
        if name not in _MEMBERS:
            raise UserError(f"it holds {shortened(name)}; {accepted(_MEMBERS)}")
        if member.flag_bits & 1 or member.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):
            raise UserError(
                f"{name} is encrypted or compressed otherwise; accepted: stored or deflated"
            )
    missing = {_CONFIG, _WEIGHTS} - members.keys()
    if missing or len(members) < len(archive.infolist()):
        raise UserError(
            f"it holds {sorted(m.filename for m in archive.infolist())};"
            f" {accepted(_MEMBERS)}, once each"
        )
    config, weights = members[_CONFIG], members[_WEIGHTS]
    if config.file_size > _LONGEST_CONFIG:
        raise UserError(
            f"{_CONFIG} has {config.file_size} bytes; accepted: at most {_LONGEST_CONFIG}"
        )
    if weights.file_size > min(_HIGHEST_RATIO * weights.compress_size, _LARGEST_WEIGHTS):
        raise UserError(
            f"{_WEIGHTS} would grow from {weights.compress_size} to {weights.file_size} bytes;"
            f" accepted: {_HIGHEST_RATIO} times at most, and {_LARGEST_WEIGHTS}"
        )
    return config, weights


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """Copy a member to `target`; `zipfile` reads at most its declared size."""
    with archive.open(member) as source, target.open("xb") as copy:
        while piece := source.read(_PIECE):
            copy.write(piece)
