"""A checkpoint: the whole state of a run in one file, which either backend can resume.

It is a safetensors file. Its arrays have names like `weights/conv2d_1/kernel` and
`optimizer/velocity/conv2d_1/kernel` and are in Keras' layout; everything else is JSON in the file's
header. The seed determines the batches, so the file holds no random state, only the position in the
epoch.
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
StepCount = Annotated[int, Field(ge=0, lt=2**53)]


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run between two updates.

    `epoch` is the number of finished epochs, `batch` the number of finished batches of the next
    epoch, and `iteration` the number of all updates. `tally` holds the sums over the `batch`
    batches.
    """

    experiment: Experiment
    weights: Variables
    optimizer_state: Variables
    epoch: StepCount = 0
    batch: StepCount = 0
    tally: Tally = field(default_factory=Tally)
    history: tuple[EpochRecord, ...] = ()
    backend: BackendName | None = None
    """The backend that trained it; None before the first step of a converted file."""
    ranks: Annotated[int, Field(ge=1)] = 1
    """The number of processes that trained it together."""
    versions: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Versions of Python and the packages that wrote the file; empty unless read from a file."""

    @property
    def iteration(self) -> int:
        """Number of updates made so far."""
        return self.epoch * self.experiment.steps_per_epoch + self.batch

    def __str__(self) -> str:
        done = f"{self.epoch} epoch{'s' * (self.epoch != 1)}"
        if self.batch:
            done += f" and {self.batch} batch{'es' * (self.batch != 1)}"
        return f"{done}, step {self.iteration}"

    def must_belong_to(self, experiment: Experiment) -> None:
        """Raise `UserError` unless this is a state of `experiment`; its `epochs` may differ."""
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
        """Return the content of the file; raises `UserError` if a number is not finite."""
        arrays = {
            f"{part}/{name}": np.asarray(array, order="C")  # a scalar keeps shape ()
            for part, variables in (("weights", self.weights), ("optimizer", self.optimizer_state))
            for name, array in variables.items()
        }
        must_be_finite(arrays)
        beside = {name: getattr(self, name) for name in _BESIDE_ARRAYS}
        beside |= {"iteration": self.iteration, "versions": _versions()}
        return save(arrays, {_HEADER: _Header(**beside).model_dump_json()})


# The header holds all fields of `Checkpoint` except its arrays, with the same types. It also holds
# the number of the file format, and the iteration, which helps to recognise a damaged file.
_BESIDE_ARRAYS = [
    each.name for each in fields(Checkpoint) if each.name not in ("weights", "optimizer_state")
]
_TYPES = get_type_hints(Checkpoint, include_extras=True)
_IN_HEADER: dict[str, Any] = {
    "format": (Literal[1], 1),
    "iteration": (StepCount, ...),
    **{name: (_TYPES[name], ...) for name in _BESIDE_ARRAYS},
    "ranks": (_TYPES["ranks"], 1),  # files of version 0.1.0 do not have it
}
_Header = create_model("_Header", __base__=Value, **_IN_HEADER)


def read_checkpoint(path: Path | str) -> Checkpoint:
    """Return the checkpoint in a file; raises `UserError` for any other file.

    Before an array is read, the shapes in the header are checked against the size of the file and
    against the experiment.
    """
    try:
        return _read(Path(path))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _read(path: Path) -> Checkpoint:
    metadata, shapes = read_index(path)
    if _HEADER not in metadata:
        raise UserError("it is not a checkpoint of Twin CNN; accepted: a file that train.py wrote")
    header = dict(_Header.from_json(metadata[_HEADER]))
    beside = {name: header[name] for name in _BESIDE_ARRAYS}
    state = Checkpoint(weights={}, optimizer_state={}, **beside)
    _must_be_consistent(state, header["iteration"])
    _must_have(shapes, _expected(state.experiment, path.stat().st_size))

    arrays = read_arrays(path)
    must_be_finite(arrays)
    parts: dict[str, dict[str, NDArray[Any]]] = {"weights": {}, "optimizer": {}}
    for name, array in arrays.items():
        part, _, variable = name.partition("/")
        parts[part][variable] = array

    # Averages of squares and norms cannot be negative; a number of `scalars` only decreases.
    for name, array in parts["optimizer"].items():
        if name.startswith(("velocity/", "norm/")) and array.size and array.min() < 0:
            raise UserError(f"optimizer/{name} is below 0; accepted: 0 or more")
        first = state.experiment.optimizer.scalars.get(name)
        if first is not None and not 0 < array <= first:
            raise UserError(f"optimizer/{name} = {array}: accepted: above 0 and at most {first:g}")
    return replace(state, weights=parts["weights"], optimizer_state=parts["optimizer"])


def _expected(experiment: Experiment, file_size: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Dtype and shape of each array in a checkpoint of `experiment`."""
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


def _must_have(
    given: dict[str, tuple[str, tuple[int, ...]]], expected: dict[str, tuple[str, tuple[int, ...]]]
) -> None:
    for name in [*expected, *given]:
        if given.get(name) != expected.get(name):
            actual, wanted = (
                f"{each[name][0]} {each[name][1]}" if name in each else "not there"
                for each in (given, expected)
            )
            raise UserError(f"{name} is {actual}; accepted: {wanted}")


def _must_be_consistent(state: Checkpoint, iteration: int) -> None:
    """Raise `UserError` if the numbers in the header contradict each other."""
    experiment = state.experiment
    steps = experiment.steps_per_epoch
    seen = min(state.batch * experiment.batch_size, experiment.data.train_images)
    for name, value, accepted in (
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
        if value != accepted:
            raise UserError(f"{name} = {value}: accepted: {accepted}")


def _versions() -> dict[str, str]:
    versions = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in ("torch", "keras", "tensorflow", "numpy"):
        if package in sys.modules:
            try:
                versions[package] = version(package)
            except PackageNotFoundError:  # installed under another name, such as tensorflow-cpu
                versions[package] = str(getattr(sys.modules[package], "__version__", "?"))
    return versions
