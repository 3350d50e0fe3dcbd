"""The child process that opens an HDF5 file, which may be damaged or hostile.

    python -P hdf5_reader.py FILE

Writes the float arrays below `layers` and `model_weights` under their paths, and the attribute
`model_config` in the metadata, as safetensors into the pipe that is its stdout. What it refuses it
says in one sentence on stderr, with exit status 3.

The HDF5 library can be made to crash, to hang and to use up memory, so it runs here, within limits,
and never in the process that asks (`hdf5_process`). Nothing else of this package is imported: that
would take longer than all the rest.
"""

import sys
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

REFUSED = 3
PARTS = ("layers", "model_weights")
_MOST_OBJECTS = 10_000
_DEEPEST = 8
_MOST_AXES = 4
_LONGEST_CONFIG = 2**20
_LONGEST_SENTENCE = 400
_BASE_MEMORY = 768 * 2**20
"""Address space of Python with its libraries, of which 0.11 GB were measured, and room."""


class RefusedError(ValueError):
    """What the file holds is not accepted, in one sentence."""


def read(path: str) -> bytes:
    """The arrays and the configuration of a file as safetensors; raises `RefusedError`."""
    arrays: dict[str, NDArray[Any]] = {}
    with h5py.File(path, "r") as file:
        walk = _Walk(Path(path).stat().st_size)
        for part in PARTS:
            if file.id.links.exists(part.encode()):  # looks at the name, follows no link
                walk.into(file, part, part, arrays)
        config = _config(file)
    if not arrays and config is None:
        raise RefusedError(
            "it holds neither a model_config nor layers; accepted: what today's Keras writes by"
            " save('x.h5') or save_weights('x.weights.h5')"
        )
    return save(arrays, {} if config is None else {"model_config": config})


class _Walk:
    """Goes through groups, and counts objects and bytes: a file can make few bytes look like many.

    A group can be linked from within itself, and many datasets can lie on the same bytes.
    """

    def __init__(self, file_size: int) -> None:
        self._objects_left = _MOST_OBJECTS
        self._bytes_left = file_size

    def into(
        self, group: h5py.Group, name: str, path: str, arrays: dict[str, NDArray[Any]]
    ) -> None:
        """Add the datasets at and below `name` in the group to `arrays`, under their paths."""
        link = group.id.links.get_info(name.encode("utf-8", "surrogateescape"))
        if link.type != h5py.h5l.TYPE_HARD:
            raise RefusedError(
                f"{path} is a link to elsewhere; accepted: groups and datasets of the file itself"
            )
        self._objects_left -= 1
        if self._objects_left < 0:
            raise RefusedError(
                f"it has more than {_MOST_OBJECTS} objects; accepted: at most that many"
            )
        if path.count("/") > _DEEPEST:
            raise RefusedError(
                f"{path[:80]} lies too deep; accepted: at most {_DEEPEST} groups down"
            )
        found = group[name]
        if isinstance(found, h5py.Dataset):
            self._must_be_plain(found, path)
            arrays[path] = found[()]
        elif isinstance(found, h5py.Group):
            for inner in found:
                self.into(found, inner, f"{path}/{inner}", arrays)
        else:
            raise RefusedError(f"{path} is a {type(found).__name__}; accepted: groups and datasets")

    def _must_be_plain(self, dataset: h5py.Dataset, path: str) -> None:
        """Raise `RefusedError` unless the dataset is, byte for byte, in the file.

        Keras writes no other, and only of these is the size known before they are read: chunks can
        be compressed, by filters that are loaded from elsewhere, or not be there at all.
        """
        if dataset.dtype not in (np.dtype("float32"), np.dtype("float64")):
            raise RefusedError(f"{path} is of dtype {dataset.dtype}; accepted: float32, float64")
        settings = dataset.id.get_create_plist()
        if (
            settings.get_layout() not in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT)
            or settings.get_external_count()
        ):
            raise RefusedError(
                f"{path} is stored in chunks, virtually or in another file;"
                " accepted: in one piece, as Keras does"
            )
        if dataset.shape is None or len(dataset.shape) > _MOST_AXES:
            raise RefusedError(
                f"{path} has shape {dataset.shape}; accepted: at most {_MOST_AXES} axes"
            )
        size = prod(dataset.shape) * dataset.dtype.itemsize
        self._bytes_left -= size
        if self._bytes_left < 0 or dataset.id.get_storage_size() != size:
            raise RefusedError(
                f"{path} has {size} bytes by its shape {dataset.shape};"
                " accepted: as many as are in the file"
            )


def _config(file: h5py.File) -> str | None:
    """The model's configuration as JSON text, where the file has one."""
    if "model_config" not in file.attrs:
        return None
    attribute = h5py.h5a.open(file.id, b"model_config")
    if attribute.shape != () or attribute.get_storage_size() > _LONGEST_CONFIG:
        raise RefusedError(f"model_config has shape {attribute.shape}; accepted: one JSON text")
    text = file.attrs["model_config"]
    if isinstance(text, bytes):
        text = text.decode()
    if not isinstance(text, str) or len(text) > _LONGEST_CONFIG:
        raise RefusedError(
            f"model_config: accepted: JSON text of at most {_LONGEST_CONFIG} characters"
        )
    return text


def _limit_this_process(file_size: int) -> None:
    try:
        import resource
    except ImportError:  # no POSIX system; the time limit of the parent remains
        return
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,  # it writes into a pipe alone
        # The arrays, each of them as bytes, and the file made of these.
        resource.RLIMIT_AS: _BASE_MEMORY + 3 * file_size,
        resource.RLIMIT_CPU: 1 + file_size // 50_000_000,
    }
    for kind, amount in limits.items():
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            amount = min(amount, hard)
        resource.setrlimit(kind, (amount, amount))


def main() -> None:
    """Read the file that the command line names."""
    try:
        _limit_this_process(Path(sys.argv[1]).stat().st_size)
        content = read(sys.argv[1])
    except RefusedError as refusal:
        reason = str(refusal)
    except Exception as error:  # whatever the library makes of a damaged file
        reason = f"it is no HDF5 file, or a damaged one ({error or type(error).__name__})"
    else:
        sys.stdout.buffer.write(content)
        return
    sys.stderr.write(" ".join(reason.split())[:_LONGEST_SENTENCE])
    sys.exit(REFUSED)


if __name__ == "__main__":
    main()
