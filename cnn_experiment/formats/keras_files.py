"""Read Keras' three formats of model files without Keras and without running code from them.

- `cnn.h5`: the whole model in HDF5, from `model.save('cnn.h5')`;
- `cnn.keras`: a zip file with JSON and HDF5, from `model.save('cnn.keras')`;
- `cnn.weights.h5`: only weights, from `model.save_weights('cnn.weights.h5')`. This format can also
  be written.

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
    """Return network and weights of a `.keras` file; raises `UserError` if it cannot be used.

    A weight has its neutral name if it is at the path of a layer of the network, otherwise that
    path. Here and below the caller checks that all weights are there.
    """
    with keras_archive.opened(path) as (config, weights):
        network, _ = read_config(config)
        _, arrays = read_hdf5(weights)
    return network, _renamed(arrays, _names_by_path(network))


def read_keras_hdf5(path: Path | str, network: Network | None) -> tuple[Network | None, Arrays]:
    """Return network and weights of an HDF5 file that Keras wrote.

    If the file holds only weights, `network` is needed to name them, and the returned network is
    None. Raises `UserError` if the file cannot be used.
    """
    config, arrays = read_hdf5(path)
    if config is not None:
        own, names = read_config(config)
        return own, _of_whole_model(arrays, own, names)
    if network is None:
        raise UserError("it holds only weights; accepted: together with an experiment")
    return None, _renamed(arrays, _names_by_path(network))


def keras_weights_file(weights: Variables) -> bytes:
    """Return the content of a `.weights.h5` that `load_weights` of the Keras model accepts.

    `weights` are all variables of the network in the neutral form. The file holds no optimizer
    state. Raises `UserError` if h5py is not installed.
    """
    must_have_h5py()
    import h5py  # imported here because it is optional

    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, array in weights.items():
            file.create_dataset(_path(name), data=array)
    return content.getvalue()


def _names_by_path(network: Network) -> dict[str, str]:
    """The neutral name of each variable, by its path in a `.weights.h5`."""
    return {_path(name): name for name in network.variable_shapes()}


def _path(name: str) -> str:
    """Path of a variable in a `.weights.h5`: `conv2d_3/bias` is at `layers/conv2d_2/vars/1`.

    Keras does not use the layer's name. It numbers the layers of each class: `conv2d`, `conv2d_1`
    and so on. Variable 0 is the kernel, 1 the bias.
    """
    layer, _, variable = name.partition("/")
    kind, _, number = layer.rpartition("_")
    group = kind if number == "1" else f"{kind}_{int(number) - 1}"
    return f"layers/{group}/vars/{('kernel', 'bias').index(variable)}"


def _renamed(arrays: Arrays, names_by_path: dict[str, str]) -> Arrays:
    """Return the arrays under their neutral names; an array at an unknown path keeps the path."""
    return {names_by_path.get(path, path): array for path, array in arrays.items()}


def _of_whole_model(arrays: Arrays, network: Network, names: list[str]) -> Arrays:
    """Return the weights of a whole model under their neutral names.

    The paths are `model_weights/NAME/.../kernel`, or `kernel:0` from Keras 2. `names` are the names
    in the file of the layers with weights, in order.
    """
    layers = [layer.name for layer in network.layers() if layer.kernel_shape]
    names_by_path = {}
    for layer, name in zip(layers, names, strict=True):
        for variable in ("kernel", "bias"):
            group = f"model_weights/{name}/"
            paths = [
                path
                for path in arrays
                if path.startswith(group) and path.rpartition("/")[2].removesuffix(":0") == variable
            ]
            if len(paths) != 1:
                raise UserError(
                    f"layer {shortened(name)} has {len(paths)} arrays named {variable}; accepted: 1"
                )
            names_by_path[paths[0]] = f"{layer}/{variable}"
    return _renamed(arrays, names_by_path)
