"""Read an HDF5 file in a child process, so that a malicious file can crash only that process.

See `hdf5_reader` for what the child process accepts, and for its limits.
"""

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from pydantic_core import from_json
from safetensors import SafetensorError
from safetensors.numpy import load

from cnn_experiment.errors import UserError

READER: Sequence[str | Path] = (
    sys.executable,
    "-P",  # otherwise h5py could import the modules beside the reader
    Path(__file__).with_name("hdf5_reader.py"),
)
_REFUSED = 3
_SECONDS = 20.0
"""The time limit for a very small file. It takes 0.2 s on an idle machine, more on a busy one."""
_BYTES_A_SECOND = 10e6


def read_hdf5(path: Path | str) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    """Return the attributes and the arrays of a file, as `hdf5_reader` gives them.

    The arrays are float32 or float64, by their paths. Raises `UserError` if the child
    process refuses the file, crashes or takes too long, and if h5py is not installed.
    """
    must_have_h5py()
    path = Path(path)
    seconds = _SECONDS + path.stat().st_size / _BYTES_A_SECOND
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # its buffers count as memory
    try:
        done = subprocess.run(  # noqa: S603 - our own command, and a path
            [*READER, path.absolute()],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise UserError(
            f"reading it as HDF5 took longer than {seconds:.0f} s; accepted: an undamaged file"
        ) from None
    if done.returncode == _REFUSED:
        raise UserError(done.stderr.decode(errors="replace"))
    if done.returncode:
        raise UserError(
            f"reading it as HDF5 ended with {_way_to_end(done.returncode)};"
            " accepted: an undamaged file"
        )
    return _unpacked(done.stdout)


def must_have_h5py() -> None:
    """Raise `UserError` if h5py is not installed."""
    if importlib.util.find_spec("h5py") is None:
        raise UserError("HDF5 files need h5py, which is not installed here; pip install '.[hdf5]'")


def _unpacked(content: bytes) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    try:
        length = int.from_bytes(content[:8], "little")
        arrays = load(content)
        metadata = from_json(content[8 : 8 + length]).get("__metadata__") or {}
    except (SafetensorError, ValueError) as error:
        raise UserError(f"reading it as HDF5 gave no arrays ({error})") from error
    return metadata, arrays


def _way_to_end(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    known = -code in set(signal.Signals)
    return f"signal {signal.Signals(-code).name if known else -code}"
