"""Read safetensors files; the sizes in the header are checked before an array is read."""

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
    """Return the metadata of a safetensors file, and dtype and shape of each array, by its name.

    Reads no array. A dtype has its NumPy name where the array is float32 or float64. Raises
    `UserError` for any other file and for a damaged one.
    """
    path = Path(path)
    if not path.is_file():  # reading from a pipe could wait without end
        raise UserError("it is not a file; accepted: a safetensors file")
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if not 0 < length <= min(_LONGEST_HEADER, path.stat().st_size - 8):
        raise UserError("it is not a safetensors file, or it is cut off")
    try:
        with safe_open(path, "np") as file:  # maps the file, reads its header
            index = {}
            for name in file.keys():  # noqa: SIM118 - no mapping
                part = file.get_slice(name)
                dtype = _NUMPY_NAMES.get(part.get_dtype(), part.get_dtype())
                index[name] = (dtype, tuple(part.get_shape()))
            return file.metadata() or {}, index
    except (SafetensorError, ValueError) as error:
        raise UserError(f"it is not a safetensors file, or it is damaged ({error})") from error


def read_arrays(path: Path | str) -> dict[str, NDArray[Any]]:
    """Return all arrays of a safetensors file that `read_index` has accepted."""
    with safe_open(path, "np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
