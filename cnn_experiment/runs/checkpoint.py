"""One file for the whole state of a run, from which either backend goes on.

A safetensors file: arrays under `weights/conv2d_1/kernel` and `optimizer/velocity/conv2d_1/kernel`,
in Keras' layout, and everything else as JSON in the file's own header. The same seed gives the same
batches, so the position in the epoch is all there is to remember of what is random.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, create_model
from safetensors.numpy import save

from cnn_experiment.errors import UserError
from cnn_experiment.runs.history import EpochRecord, Tally
from cnn_experiment.safetensors_file import read_arrays, read_index
from cnn_experiment.settings.experiment import Experiment
from cnn_experiment.value import Value
from cnn_experiment.variables import Variables, must_be_finite

BackendName = Literal["torch", "keras"]
_HEADER = "twin_cnn"
Count = Annotated[int, Field(ge=0, lt=2**53)]


@dataclass(frozen=True)
class Checkpoint:
    """A run between two updates.

    `epoch` counts the epochs that are done, `batch` the batches of the next one that are, and
    `iteration` all updates; `tally` holds the sums over those batches.
    """

    experiment: Experiment
    weights: Variables
    optimizer_state: Variables
    epoch: Count = 0
    batch: Count = 0
    tally: Tally = field(default_factory=Tally)
    history: tuple[EpochRecord, ...] = ()
    backend: BackendName | None = None
    """Which trained it so far, if any."""
    versions: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Of what wrote the file that it was read from; a report names them."""

    @property
    def iteration(self) -> int:
        """Count of updates made."""
        return self.epoch * self.experiment.steps_per_epoch + self.batch

    def __str__(self) -> str:
        done = f"{self.epoch} epoch{'s' * (self.epoch != 1)}"
        if self.batch:
            done += f" and {self.batch} batch{'es' * (self.batch != 1)}"
        return f"{done}, step {self.iteration}"

    def must_fit(self, experiment: Experiment) -> None:
        """Raise `UserError` unless this is a state of that experiment; the epochs may be more."""
        own = self.experiment.with_changes(epochs=experiment.epochs)
        if own != experiment:
            differing = [
                name
                for name in Experiment.model_fields
                if getattr(own, name) != getattr(experiment, name)
            ]
            raise UserError(
                f"the checkpoint is of another experiment: {', '.join(differing)} differ;"
                " accepted: its own, with any count of epochs"
            )
        if (self.epoch, self.batch) > (experiment.epochs, 0):
            raise UserError(
                f"epochs = {experiment.epochs}: the checkpoint has {self}; accepted: at least"
                f" {self.epoch + (self.batch > 0)}"
            )

    def to_bytes(self) -> bytes:
        """The file's content; raises `UserError` where a number is not finite."""
        arrays = {
            f"{part}/{name}": np.asarray(array, order="C")  # a scalar stays one
            for part, variables in (("weights", self.weights), ("optimizer", self.optimizer_state))
            for name, array in variables.items()
        }
        must_be_finite(arrays)
        beside = {name: getattr(self, name) for name in _BESIDE_ARRAYS}
        beside |= {"iteration": self.iteration, "versions": _versions()}
        return save(arrays, {_HEADER: _Header(**beside).model_dump_json()})


# The file holds a checkpoint's fields other than its arrays, each of its type there, and besides
# them the format's number and the iteration, by which a damaged file can be told.
_BESIDE_ARRAYS = [
    each.name for each in fields(Checkpoint) if each.name not in ("weights", "optimizer_state")
]
_TYPES = get_type_hints(Checkpoint, include_extras=True)
_IN_HEADER: dict[str, Any] = {
    "format": (Literal[1], 1),
    "iteration": (Count, ...),
    **{name: (_TYPES[name], ...) for name in _BESIDE_ARRAYS},
}
_Header = create_model("_Header", __base__=Value, **_IN_HEADER)


def read_checkpoint(path: Path | str) -> Checkpoint:
    """Return the checkpoint in a file; raises `UserError` for anything else that is in there.

    What the file claims is held against its size, and against the shapes that its experiment asks
    for, before an array is read.
    """
    try:
        return _read(Path(path))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _read(path: Path) -> Checkpoint:
    metadata, shapes = read_index(path)
    if _HEADER not in metadata:
        raise UserError("it is no checkpoint of ours; accepted: a file that train.py wrote")
    header = dict(_Header.from_json(metadata[_HEADER]))
    beside = {name: header[name] for name in _BESIDE_ARRAYS}
    state = Checkpoint(weights={}, optimizer_state={}, **beside)
    _must_agree(state, header["iteration"])
    expected = _expected(state.experiment, path.stat().st_size)
    _must_be_these(shapes, expected)
    arrays = read_arrays(path)
    must_be_finite(arrays)
    parts: dict[str, dict[str, NDArray[Any]]] = {"weights": {}, "optimizer": {}}
    for name, array in arrays.items():
        part, _, variable = name.partition("/")
        parts[part][variable] = array
    for name, array in parts["optimizer"].items():
        if name.startswith(("velocity/", "norm/")) and array.size and array.min() < 0:
            raise UserError(f"optimizer/{name} is below 0; accepted: 0 or more")
        first = state.experiment.optimizer.scalars.get(name)
        if first is not None and not 0 < array <= first:
            raise UserError(f"optimizer/{name} = {array}: accepted: above 0 and at most {first:g}")
    return replace(state, weights=parts["weights"], optimizer_state=parts["optimizer"])


def _expected(experiment: Experiment, file_size: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Dtype and shape of each array of a run's checkpoint."""
    parameters = sum(layer.parameters for layer in experiment.network.layers())
    if parameters * np.dtype(experiment.dtype).itemsize > file_size:
        raise UserError(
            f"it has {file_size} bytes, too few for the {parameters} parameters of its experiment"
        )
    dtype: str = experiment.dtype
    shapes = experiment.network.variable_shapes()
    expected = {f"weights/{name}": (dtype, shape) for name, shape in shapes.items()}
    for slot in experiment.optimizer.slots:
        expected |= {f"optimizer/{slot}/{name}": (dtype, s) for name, s in shapes.items()}
    return expected | {f"optimizer/{name}": (dtype, ()) for name in experiment.optimizer.scalars}


def _must_be_these(
    given: dict[str, tuple[str, tuple[int, ...]]], expected: dict[str, tuple[str, tuple[int, ...]]]
) -> None:
    for name in [*expected, *given]:
        if given.get(name) != expected.get(name):
            found, wanted = (
                f"{each[name][0]} {each[name][1]}" if name in each else "not there"
                for each in (given, expected)
            )
            raise UserError(f"{name} is {found}; accepted: {wanted}")


def _must_agree(state: Checkpoint, iteration: int) -> None:
    """Raise `UserError` where the counts contradict each other."""
    experiment = state.experiment
    steps = experiment.steps_per_epoch
    seen = min(state.batch * experiment.batch_size, experiment.data.train_images)
    for name, found, accepted in (
        ("batch", state.batch, min(state.batch, steps - 1)),
        ("iteration", iteration, state.iteration),
        ("history", len(state.history), state.epoch),
        ("tally.images", state.tally.images, seen),
        ("tally.loss", state.tally.loss, state.tally.loss if seen else 0.0),
        ("tally.hits", state.tally.hits, min(state.tally.hits, seen)),
        ("epoch", state.epoch, min(state.epoch, experiment.epochs)),
        *(
            (f"history[{index}].{name}", getattr(record, name), count)
            for index, record in enumerate(state.history)
            for name, count in (
                ("epoch", index + 1),
                ("step", (index + 1) * steps),
                ("precision", experiment.precision),
            )
        ),
    ):
        if found != accepted:
            raise UserError(f"{name} = {found}: accepted: {accepted}")


def _versions() -> dict[str, str]:
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in ("torch", "keras", "tensorflow", "numpy"):
        if package in sys.modules:
            try:
                found[package] = version(package)
            except PackageNotFoundError:  # under another name, as tensorflow-cpu
                found[package] = str(getattr(sys.modules[package], "__version__", "?"))
    return found
