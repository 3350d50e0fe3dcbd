"""Keras' three formats of model files, read without Keras and without running anything in them.

- `cnn.h5`, the whole model in HDF5, by `model.save('cnn.h5')`;
- `cnn.keras`, a zip of JSON and HDF5, by `model.save('cnn.keras')`;
- `cnn.weights.h5`, weights alone, by `model.save_weights('cnn.weights.h5')`; written here as well.

Sources: keras/src/legacy/saving/legacy_h5_format.py and keras/src/saving/saving_lib.py.
"""

import io
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from cnn_experiment.errors import UserError, shortened
from cnn_experiment.formats import keras_archive
from cnn_experiment.formats.hdf5_process import must_have_h5py, read_hdf5
from cnn_experiment.formats.keras_config import read_config
from cnn_experiment.settings.network import Network
from cnn_experiment.variables import Variables

Arrays = dict[str, NDArray[Any]]


def read_keras_archive(path: Path | str) -> tuple[Network, Arrays]:
    """Network and weights of a `.keras` file; raises `UserError` where it cannot be used.

    The weights have neutral names where their places in the file are those of the network's layers,
    else their paths; that the names are complete is the caller's to check, here and below.
    """
    with keras_archive.opened(path) as (config, weights):
        network, _ = read_config(config)
        _, arrays = read_hdf5(weights)
    return network, _renamed(arrays, _places(network))


def read_keras_hdf5(path: Path | str, network: Network | None) -> tuple[Network | None, Arrays]:
    """Network and weights of an HDF5 file that Keras wrote.

    A whole model tells its network; for weights alone `network` names them, and None is returned as
    what the file tells. Raises `UserError` where it cannot be used.
    """
    config, arrays = read_hdf5(path)
    if config is not None:
        own, names = read_config(config)
        return own, _of_whole_model(arrays, own, names)
    if network is None:
        raise UserError("it holds weights alone; accepted: together with an experiment")
    return None, _renamed(arrays, _places(network))


def keras_weights_file(weights: Variables) -> bytes:
    """The content of a `.weights.h5` that `load_weights` of a network's Keras model accepts.

    `weights` are complete, in neutral names and layout. The optimizer's state is not in it. Raises
    `UserError` where h5py is not installed.
    """
    must_have_h5py()
    import h5py  # here alone, since it is optional

    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, array in weights.items():
            file.create_dataset(_place(name), data=array)
    return content.getvalue()


def _places(network: Network) -> dict[str, str]:
    """Neutral name by path in a `.weights.h5`."""
    return {_place(name): name for name in network.variable_shapes()}


def _place(name: str) -> str:
    """Path of a variable in a `.weights.h5`: `layers/conv2d_2/vars/1` of `conv2d_3/bias`.

    Keras does not use the layer's name, but its class, counted from a first without a number.
    """
    layer, _, variable = name.partition("/")
    kind, _, number = layer.rpartition("_")
    group = kind if number == "1" else f"{kind}_{int(number) - 1}"
    return f"layers/{group}/vars/{('kernel', 'bias').index(variable)}"


def _renamed(arrays: Arrays, places: dict[str, str]) -> Arrays:
    """The arrays under their neutral names; one in no known place keeps its path."""
    return {places.get(path, path): array for path, array in arrays.items()}


def _of_whole_model(arrays: Arrays, network: Network, names: list[str]) -> Arrays:
    """Neutral names for `model_weights/NAME/.../kernel`, where `names` are the layers' in the file.

    Keras 2 wrote `kernel:0`.
    """
    layers = [layer.name for layer in network.layers() if layer.kernel_shape]
    places = {}
    for layer, name in zip(layers, names, strict=True):
        for variable in ("kernel", "bias"):
            within = f"model_weights/{name}/"
            found = [
                path
                for path in arrays
                if path.startswith(within)
                and path.rpartition("/")[2].removesuffix(":0") == variable
            ]
            if len(found) != 1:
                raise UserError(
                    f"layer {shortened(name)} has {len(found)} arrays named {variable}; accepted: 1"
                )
            places[found[0]] = f"{layer}/{variable}"
    return _renamed(arrays, places)
