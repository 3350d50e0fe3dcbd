"""Read weights from every accepted kind of model file, and write them as another kind.

The kind is recognised by the content; no code in a file is run. Only weights are converted: the
optimizer's state and the position in a run are lost.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from cnn_experiment.errors import UserError, shortened
from cnn_experiment.formats import keras_archive
from cnn_experiment.formats.keras_files import (
    Arrays,
    KerasFile,
    keras_weights_file,
    read_keras_archive,
    read_keras_hdf5,
)
from cnn_experiment.formats.keras_training import Training
from cnn_experiment.formats.state_dict_names import must_be_named, neutral_names
from cnn_experiment.formats.torch_layout import to_neutral_layout, to_torch_layout
from cnn_experiment.runs.checkpoint import Checkpoint, read_checkpoint
from cnn_experiment.safetensors_file import read_arrays, read_index
from cnn_experiment.settings.experiment import Experiment
from cnn_experiment.settings.network import Network
from cnn_experiment.settings.presets import preset
from cnn_experiment.value import accepted
from cnn_experiment.variables import Variables, must_be_finite, must_match

SETTINGS_OF = "article-2"
"""The preset that gives the training settings for a file without an experiment."""
KINDS = ("checkpoint", "torch", "keras")
_LARGEST = 4 * 2**30
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_ONLY_WEIGHTS = "it holds only weights; accepted: together with an experiment"
_NO_NAMES = "its arrays have names of their own; accepted: without --names"


class ModelFile(NamedTuple):
    """What a model file holds."""

    experiment: Experiment
    weights: dict[str, NDArray[Any]]
    training: Training | None = None
    """What a file of a Keras model says of its training; see `keras_training`."""


def read_weights(
    path: Path | str, experiment: Experiment | None = None
) -> tuple[Experiment, dict[str, NDArray[Any]]]:
    """Return the experiment to which a model file belongs, and the weights in it.

    See `read_model_file`, which also tells what else is in the file.
    """
    return read_model_file(path, experiment)[:2]


def read_model_file(
    path: Path | str,
    experiment: Experiment | None = None,
    names: Mapping[str, str] | None = None,
) -> ModelFile:
    """Return the experiment to which a model file belongs, the weights, and what else it says.

    The file is one of: a checkpoint or a `weights.safetensors` of a run, the `state_dict` of a
    `torch_cnn` model as safetensors, Keras' `.keras`, `.h5` (whole model, or weights as Keras 2
    wrote them) or `.weights.h5`. `names` are only for the `state_dict` of another module: the
    neutral name of each of its arrays. The weights have neutral names (`conv2d_1/kernel`) and
    Keras' layout: kernels (height, width, in, out) or (in, out), biases (out,). They are float32 or
    float64 as in the file; the returned experiment has that dtype.

    If the file describes its network, it must be the network of `experiment`. If `experiment` is
    None, a checkpoint gives its own experiment; a Keras model gives its training settings as far as
    an experiment can have them, and gets the others from the preset `article-2`; a file with only
    weights is refused.

    Raises `UserError`, in one sentence, for every file that cannot be used.
    """
    path = Path(path)
    try:
        _must_be_a_file(path)
        experiment, weights, training = _read(path, experiment, names)
        experiment = experiment.with_changes(dtype=_dtype(weights))
        must_be_named(weights, experiment.network.variable_shapes())
        must_match(weights, _placeholders(experiment))
        must_be_finite(weights)
    except UserError as error:
        raise UserError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error
    return ModelFile(experiment, weights, training)


def weights_as(
    kind: str, experiment: Experiment, weights: Variables, names: Mapping[str, str] | None = None
) -> bytes:
    """Return the content of a file of this kind; `weights` are in the neutral form.

    `checkpoint`: iteration 0 of the experiment, with the initial optimizer state. `torch`: a
    `state_dict` of `torch_cnn.build_model` as safetensors, or with `names` that of a module whose
    arrays have these neutral names. `keras`: a `.weights.h5`. Raises `UserError` for another kind,
    and if the weights do not fit the experiment's network.
    """
    must_match(weights, _placeholders(experiment))
    must_be_finite(weights)
    match kind:
        case "checkpoint":
            state = experiment.initial_optimizer_state()
            return Checkpoint(experiment, weights, state).to_bytes()
        case "torch":
            arrays = {
                theirs: np.ascontiguousarray(to_torch_layout(weights[name]))
                for theirs, name in neutral_names(experiment.network, names).items()
            }
            return save(arrays)
        case "keras":
            return keras_weights_file(weights)
    raise UserError(f"to = {kind!r}: {accepted(KINDS)}")


def _must_be_a_file(path: Path) -> None:
    if not path.is_file():
        raise UserError("it is not a file; accepted: a model file")
    if path.stat().st_size > _LARGEST:
        raise UserError(f"it has {path.stat().st_size} bytes; accepted: at most {_LARGEST}")


def _read(path: Path, experiment: Experiment | None, names: Mapping[str, str] | None) -> ModelFile:
    with path.open("rb") as file:
        beginning = file.read(9)
    # Safetensors: the header's length in 8 bytes, then the header, which is a JSON object.
    is_safetensors = beginning.endswith(b"{") and len(beginning) == 9

    if names is not None and not is_safetensors:
        raise UserError(_NO_NAMES)
    if beginning.startswith(keras_archive.MAGIC):
        return _of_keras(read_keras_archive(path), experiment)
    if beginning.startswith(_HDF5_MAGIC):
        network = experiment.network if experiment else None
        return _of_keras(read_keras_hdf5(path, network), experiment)
    if is_safetensors:
        return ModelFile(*_read_safetensors(path, experiment, names))
    raise UserError(
        f"it begins with {shortened(beginning)}; accepted: safetensors, HDF5 or a .keras archive"
    )


def _of_keras(file: KerasFile, given: Experiment | None) -> ModelFile:
    experiment = _experiment_of(file.network, given)
    if given is None:
        experiment = experiment.with_changes(**file.training.taken)
    return ModelFile(experiment, file.weights, file.training)


def _experiment_of(network: Network | None, experiment: Experiment | None) -> Experiment:
    """Return `experiment` if it has the network of the file; if it is None, make one.

    The comparison leaves out `Output.crossentropy_of`, which is not in a file.
    """
    if experiment is None:
        if network is None:
            raise UserError(_ONLY_WEIGHTS)
        return preset(SETTINGS_OF).with_changes(network=network)
    if network is None:
        return experiment
    loss = experiment.network.output.crossentropy_of
    output = network.output.with_changes(crossentropy_of=loss)
    theirs, ours = network.with_changes(output=output), experiment.network
    for field in Network.model_fields:
        actual, wanted = getattr(theirs, field), getattr(ours, field)
        if actual != wanted:
            raise UserError(
                f"its network has {field} = {_short(actual)};"
                f" accepted: the experiment's, {_short(wanted)}"
            )
    return experiment


def _short(value: object) -> str:
    return shortened(value, limit=200)


def _read_safetensors(
    path: Path, experiment: Experiment | None, names: Mapping[str, str] | None
) -> tuple[Experiment, Arrays]:
    metadata, index = read_index(path)
    if "twin_cnn" in metadata:
        if names is not None:
            raise UserError(_NO_NAMES)
        checkpoint = read_checkpoint(path)
        own = checkpoint.experiment
        if experiment is None:
            return own, dict(checkpoint.weights)
        return _experiment_of(own.network, experiment), dict(checkpoint.weights)
    if experiment is None:
        raise UserError(_ONLY_WEIGHTS)
    for name, (dtype, _) in index.items():
        if dtype not in ("float32", "float64"):
            raise UserError(f"{shortened(name)} is of dtype {dtype}; accepted: float32, float64")
    arrays = read_arrays(path)
    if names is None and any("/" in name for name in arrays):
        return experiment, arrays
    return experiment, _from_torch(arrays, experiment, neutral_names(experiment.network, names))


def _from_torch(
    state_dict: Variables, experiment: Experiment, neutral: Mapping[str, str]
) -> Arrays:
    must_be_named(state_dict, neutral)
    for name, array in state_dict.items():
        wanted = len(experiment.network.variable_shapes()[neutral[name]])
        if array.ndim != wanted:
            raise UserError(f"{name} has {array.ndim} axes; accepted: {wanted}")
    return {
        neutral[name]: np.ascontiguousarray(to_neutral_layout(array))
        for name, array in state_dict.items()
    }


def _dtype(weights: Variables) -> str:
    dtypes = sorted({str(array.dtype) for array in weights.values()})
    if len(dtypes) != 1:
        raise UserError(f"its arrays are of {dtypes or 'no dtype'}; accepted: of one dtype")
    return dtypes[0]


def _placeholders(experiment: Experiment) -> Variables:
    """Return an array of the right shape and dtype for each variable; it takes no memory."""
    zero = np.zeros((), experiment.dtype)
    shapes = experiment.network.variable_shapes()
    return {name: np.broadcast_to(zero, shape) for name, shape in shapes.items()}
