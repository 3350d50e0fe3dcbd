"""Read Keras' formats of model files without Keras and without running code from them.

- `cnn.h5`: the whole model in HDF5, from `model.save('cnn.h5')`;
- `cnn.keras`: a zip file with JSON and HDF5, from `model.save('cnn.keras')`;
- `cnn.weights.h5`: only weights, from `model.save_weights('cnn.weights.h5')`. This format can also
  be written;
- only weights as Keras 2 wrote them, from `model.save_weights('cnn.h5')`.

Sources: keras/src/legacy/saving/legacy_h5_format.py and keras/src/saving/saving_lib.py.
"""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from cnn_experiment.errors import UserError, shortened
from cnn_experiment.formats import keras_archive
from cnn_experiment.formats.hdf5_process import must_have_h5py, read_hdf5
from cnn_experiment.formats.keras_config import read_config
from cnn_experiment.formats.keras_training import Training
from cnn_experiment.settings.network import Network
from cnn_experiment.variables import Variables

Arrays = dict[str, NDArray[Any]]
_LAYERS_OF_KERAS_2 = "layer_weights"  # so `hdf5_reader` names them


class KerasFile(NamedTuple):
    """What a file of Keras holds; a file of weights alone has no network."""

    network: Network | None
    weights: Arrays
    training: Training


def read_keras_archive(path: Path | str) -> KerasFile:
    """Return the content of a `.keras` file; raises `UserError` if it cannot be used.

    A weight has its neutral name if it is at the path of a layer of the network, otherwise that
    path. Here and below the caller checks that all weights are there.
    """
    with keras_archive.opened(path) as (config, weights):
        network, _, training = read_config(config)
        attributes, arrays = read_hdf5(weights)
    renamed = _renamed(arrays, _names_by_path(network))
    return KerasFile(network, renamed, _and_state(training, attributes))


def read_keras_hdf5(path: Path | str, network: Network | None) -> KerasFile:
    """Return the content of an HDF5 file that Keras wrote.

    If the file holds only weights, `network` is needed to name them. Raises `UserError` if the file
    cannot be used.
    """
    attributes, arrays = read_hdf5(path)
    if "model_config" in attributes:
        own, names, training = read_config(
            attributes["model_config"], attributes.get("training_config")
        )
        of_layers = _of_named_layers(arrays, own, names, "model_weights")
        return KerasFile(own, of_layers, _and_state(training, attributes))
    training = _and_state(Training({}, ()), attributes)
    if network is None:
        raise UserError("it holds only weights; accepted: together with an experiment")
    if "layer_names" not in attributes:
        return KerasFile(None, _renamed(arrays, _names_by_path(network)), training)

    with_weights = {path.split("/")[1] for path in arrays}
    names = [name for name in json.loads(attributes["layer_names"]) if name in with_weights]
    wanted = sum(bool(layer.kernel_shape) for layer in network.layers())
    if len(names) != wanted:
        raise UserError(
            f"it has {len(names)} layers with weights, {shortened(names)}; accepted: {wanted}"
        )
    of_layers = _of_named_layers(arrays, network, names, _LAYERS_OF_KERAS_2)
    return KerasFile(None, of_layers, training)


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


def _and_state(training: Training, attributes: Mapping[str, str]) -> Training:
    """Return the same, with a note on the optimizer's state if the file has one."""
    return (
        training.and_left("the optimizer's state") if "optimizer_state" in attributes else training
    )


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


def _of_named_layers(arrays: Arrays, network: Network, names: list[str], part: str) -> Arrays:
    """Return the weights in a part of a file under their neutral names.

    The paths are `PART/NAME/.../kernel`, or `kernel:0` from Keras 2. `names` are the names in the
    file of the layers with weights, in order.
    """
    layers = [layer.name for layer in network.layers() if layer.kernel_shape]
    names_by_path = {}
    for layer, name in zip(layers, names, strict=True):
        for variable in ("kernel", "bias"):
            group = f"{part}/{name}/"
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
