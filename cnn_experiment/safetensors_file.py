"""Safetensors files, whose claims are held against their size before an array is read."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from cnn_experiment.errors import UserError

_LONGEST_HEADER = 16 * 2**20
_NUMPY_NAMES = {"F32": "float32", "F64": "float64"}


def read_index(
    path: Path | str,
) -> tuple[dict[str, str], dict[str, tuple[str, tuple[int, ...]]]]:
    """Metadata, and NumPy dtype and shape of each array, of a safetensors file; reads no array.

    Raises `UserError` for a file that is not safetensors through and through.
    """
    path = Path(path)
    if not path.is_file():  # reading from a pipe would wait for ever
        raise UserError("it is no file; accepted: a safetensors file")
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if not 0 < length <= min(_LONGEST_HEADER, path.stat().st_size - 8):
        raise UserError("it is no safetensors file, or not all of one")
    try:
        with safe_open(path, "np") as file:  # maps the file, reads its header
            index = {}
            for name in file.keys():  # noqa: SIM118 - no mapping
                part = file.get_slice(name)
                dtype = _NUMPY_NAMES.get(part.get_dtype(), part.get_dtype())
                index[name] = (dtype, tuple(part.get_shape()))
            return file.metadata() or {}, index
    except (SafetensorError, ValueError) as error:
        raise UserError(f"it is no safetensors file, or a damaged one ({error})") from error


def read_arrays(path: Path | str) -> dict[str, NDArray[Any]]:
    """All arrays of a safetensors file whose index was found good."""
    with safe_open(path, "np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
