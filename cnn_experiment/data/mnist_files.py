"""MNIST's four files in a cache folder: downloaded once, verified at every use.

They are in `root/MNIST/raw`, where `torchvision.datasets.MNIST(root, download=False)` finds them.
"""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pooch
from numpy.typing import NDArray

from cnn_experiment.atomic_file import write_atomically
from cnn_experiment.data.mnist_sources import SOURCES, MnistFile, Source
from cnn_experiment.errors import UserError

FILES = (
    MnistFile(
        "train-images-idx3-ubyte",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    ),
    MnistFile(
        "train-labels-idx1-ubyte",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "d53e105ee54ea40749a09fcbcd1e9432",
    ),
    MnistFile(
        "t10k-images-idx3-ubyte",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "9fb629c4189551a2d022fa330f9573f3",
    ),
    MnistFile(
        "t10k-labels-idx1-ubyte",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
)


def data_root(data_dir: Path | str | None = None) -> Path:
    """The cache folder: `data_dir`, else `$MNIST_DIR`, else a folder in the user's cache."""
    return Path(data_dir or os.environ.get("MNIST_DIR") or pooch.os_cache("twin-cnn"))


def read_mnist_files(
    data_dir: Path | str | None = None, sources: Sequence[Source] = SOURCES
) -> tuple[NDArray[np.uint8], ...]:
    """Training images, training labels, test images and test labels, as in MNIST's files.

    Images are (count, 28, 28), labels (count,), all uint8. A file that is missing or damaged is
    downloaded from the first source that has it. Raises `UserError` with the failure of each source
    if all of them fail.
    """
    root = data_root(data_dir)
    try:
        contents = _contents(root / "MNIST" / "raw", sources)
    except OSError as error:  # from the folder: those of the sources are handled in `_fetch`
        raise UserError(
            f"data_dir = {root}: {error.strerror or error}; accepted: a folder that holds"
            " MNIST/raw, or one that can be written to"
        ) from error
    return tuple(_parse_idx(content) for content in contents)


def _contents(folder: Path, sources: Sequence[Source]) -> list[bytes]:
    cached = {file: _read_intact(folder, file) for file in FILES}
    missing = [file for file, content in cached.items() if content is None]
    fetched = _fetch(missing, folder, sources) if missing else {}
    return [cached[file] or fetched[file] for file in FILES]


def _read_intact(folder: Path, file: MnistFile) -> bytes | None:
    path = folder / file.name
    content = path.read_bytes() if path.is_file() else b""
    return content if _is_intact(content, file) else None


def _is_intact(content: bytes, file: MnistFile) -> bool:
    return hashlib.sha256(content).hexdigest() == file.sha256


def _fetch(
    missing: Sequence[MnistFile], folder: Path, sources: Sequence[Source]
) -> dict[MnistFile, bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    for source in sources:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fetching-") as scratch:
            try:
                fetched = source.fetch(missing, Path(scratch))
                damaged = [file.name for file in missing if not _is_intact(fetched[file], file)]
                if damaged:
                    raise ValueError(f"the checksum of {', '.join(damaged)} is wrong")
            except (OSError, ValueError) as error:
                failures.append(f"{source.name} ({_first_line(error)})")
                continue
        for file, content in fetched.items():
            write_atomically(folder / file.name, content)
        return fetched
    raise UserError(
        f"MNIST is not in {folder} and no source gave it: {'; '.join(failures)}. To place it by"
        f" hand, put the unpacked {', '.join(file.name for file in FILES)} there, or name a folder"
        " that holds MNIST/raw with --data-dir or MNIST_DIR"
    )


def _first_line(error: Exception, limit: int = 160) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0] if len(lines[0]) <= limit else lines[0][: limit - 3] + "..."


def _parse_idx(content: bytes) -> NDArray[np.uint8]:
    """The array in a verified IDX file: two zero bytes, type 8 (uint8), rank, big-endian sizes."""
    rank = content[3]
    shape = np.frombuffer(content, ">u4", count=rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)
