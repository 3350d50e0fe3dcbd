"""The child process that opens an HDF5 file, which may be damaged or malicious.

    python -P hdf5_reader.py FILE

It writes to stdout, which is a pipe, in safetensors format: the float arrays below `layers` and
`model_weights`, named by their paths, and the attributes `model_config` and `training_config` as
metadata. A file of Keras 2's `save_weights` has a group for each layer, and the attribute
`layer_names`: its arrays then begin with `layer_weights`, and the names are metadata, as JSON. The
optimizer's state is not read; `optimizer_state` in the metadata says where it is, if it is there.
If it refuses the file, it writes one sentence to stderr and ends with status 3.

A file can make the HDF5 library crash, hang or use up all memory. So the library runs only in this
process, which has limits, and never in the parent process (`hdf5_process`). This module imports
nothing else from its package, because that import would take longer than reading the file.
"""

import json
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
LAYERS_OF_KERAS_2 = "layer_weights"
OPTIMIZERS = ("optimizer", "optimizer_weights")
_BACKENDS = ("tensorflow", "jax", "torch")
_MOST_OBJECTS = 10_000
_DEEPEST = 8
_MOST_AXES = 4
_LONGEST_CONFIG = 2**20
_LONGEST_SENTENCE = 400
_BASE_MEMORY = 768 * 2**20
"""Limit of the address space apart from the arrays. Python and its libraries were measured to use
0.11 GB."""


class RefusedError(ValueError):
    """The content of the file is not accepted; the message is one sentence."""


def read(path: str) -> bytes:
    """Return the arrays and the configuration of a file as safetensors; raises `RefusedError`."""
    arrays: dict[str, NDArray[Any]] = {}
    with h5py.File(path, "r") as file:
        _must_have_kernels_of_today(file)
        walk = _Walk(Path(path).stat().st_size)
        for part in PARTS:
            if file.id.links.exists(part.encode()):  # checks the name, follows no link
                walk.into(file, part, part, arrays)
        attributes = {
            name: text
            for name in ("model_config", "training_config")
            if (text := _text(file, name)) is not None
        }
        if not arrays and not attributes:
            names = _layer_names(file)
            for name in file:  # by the file's own links: a name could lead through a link elsewhere
                if name in names:
                    walk.into(file, name, f"{LAYERS_OF_KERAS_2}/{name}", arrays)
            attributes = {"layer_names": json.dumps(names)} if names else {}
        for name in OPTIMIZERS:
            if file.id.links.exists(name.encode()):
                attributes["optimizer_state"] = name
    if not arrays and "model_config" not in attributes:
        raise RefusedError(
            "it holds neither a model_config nor layers; accepted: what Keras writes by"
            " save('x.h5') or save_weights('x.weights.h5')"
        )
    return save(arrays, attributes)


class _Walk:
    """Reads the datasets in nested groups, and limits the number of objects and bytes.

    Without limits a small file could claim to be huge: a group can contain a link to itself, and
    many datasets can share the same bytes.
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
                f"{path} is a link; accepted: groups and datasets of the file itself"
            )
        self._objects_left -= 1
        if self._objects_left < 0:
            raise RefusedError(
                f"it has more than {_MOST_OBJECTS} objects; accepted: at most that many"
            )
        if path.count("/") > _DEEPEST:
            raise RefusedError(
                f"{path[:80]} is nested too deeply; accepted: at most {_DEEPEST} groups down"
            )
        item = group[name]
        if isinstance(item, h5py.Dataset):
            self._must_be_plain(item, path)
            arrays[path] = item[()]
        elif isinstance(item, h5py.Group):
            for inner in item:
                self.into(item, inner, f"{path}/{inner}", arrays)
        else:
            raise RefusedError(f"{path} is a {type(item).__name__}; accepted: groups and datasets")

    def _must_be_plain(self, dataset: h5py.Dataset, path: str) -> None:
        """Raise `RefusedError` unless all bytes of the dataset are in the file, uncompressed.

        Keras writes all datasets in this way, and only then is the size known before reading.
        Chunks may be compressed by filters that HDF5 loads from other files, or may not exist at
        all.
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
                " accepted: stored in one piece, as by Keras"
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


def _text(file: h5py.File, name: str) -> str | None:
    """Return an attribute that is JSON text, or None if the file has none of this name."""
    if name not in file.attrs:
        return None
    attribute = h5py.h5a.open(file.id, name.encode())
    if attribute.shape != () or attribute.get_storage_size() > _LONGEST_CONFIG:
        raise RefusedError(f"{name} has shape {attribute.shape}; accepted: one JSON text")
    text = file.attrs[name]
    if isinstance(text, bytes):
        text = text.decode()
    if not isinstance(text, str) or len(text) > _LONGEST_CONFIG:
        raise RefusedError(f"{name}: accepted: JSON text of at most {_LONGEST_CONFIG} characters")
    return text


def _layer_names(file: h5py.File) -> list[str]:
    """Return the names of the layers in a file of Keras 2's `save_weights`; none in another."""
    if "layer_names" not in file.attrs:
        return []
    attribute = h5py.h5a.open(file.id, b"layer_names")
    if (
        attribute.shape is None
        or len(attribute.shape) != 1
        or attribute.get_storage_size() > _LONGEST_CONFIG
    ):
        raise RefusedError(f"layer_names has shape {attribute.shape}; accepted: a list of names")
    names = [
        name.decode() if isinstance(name, bytes) else name for name in file.attrs["layer_names"]
    ]
    if not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        raise RefusedError("layer_names: accepted: texts, each once")
    return names


def _must_have_kernels_of_today(file: h5py.File) -> None:
    """Raise `RefusedError` for a backend of Keras 2 that keeps the kernels mirrored, as Theano."""
    backend = _text(file, "backend")
    if backend not in (None, *_BACKENDS):
        raise RefusedError(f"backend = {backend[:80]!r}; accepted: {', '.join(_BACKENDS)}")


def _limit_this_process(file_size: int) -> None:
    try:
        import resource
    except ImportError:  # not a POSIX system; only the parent's time limit applies
        return
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,  # no writing to files; stdout is a pipe
        # Three copies of the data: the arrays, their bytes, and the safetensors content.
        resource.RLIMIT_AS: _BASE_MEMORY + 3 * file_size,
        resource.RLIMIT_CPU: 1 + file_size // 50_000_000,
    }
    for kind, amount in limits.items():
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            amount = min(amount, hard)
        resource.setrlimit(kind, (amount, amount))


def main() -> None:
    """Read the file in the first command-line argument, and write its content to stdout."""
    try:
        _limit_this_process(Path(sys.argv[1]).stat().st_size)
        content = read(sys.argv[1])
    except RefusedError as refusal:
        reason = str(refusal)
    except Exception as error:  # the library raises many types for damaged files
        reason = f"it is not an HDF5 file, or it is damaged ({error or type(error).__name__})"
    else:
        sys.stdout.buffer.write(content)
        return
    sys.stderr.write(" ".join(reason.split())[:_LONGEST_SENTENCE])
    sys.exit(REFUSED)


if __name__ == "__main__":
    main()
