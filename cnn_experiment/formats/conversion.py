"""Convert a model file of one kind to another kind, and check where it may be written."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from cnn_experiment.atomic_file import write_atomically
from cnn_experiment.errors import UserError
from cnn_experiment.formats.keras_training import Training
from cnn_experiment.formats.weight_files import SETTINGS_OF, read_model_file, weights_as
from cnn_experiment.runs.run_folder import RunFolder
from cnn_experiment.settings.experiment import Experiment
from cnn_experiment.settings.presets import preset

KERAS_ENDING = ".weights.h5"
"""Keras loads weights only from a file whose name ends with this."""


def kind_of_target(target: Path | str, kind: str | None, *, overwrite: bool = False) -> str:
    """Return the kind of file to write: `kind` or, if that is None, the kind that `target` shows.

    Only the ending of Keras' files shows a kind. Raises `UserError` if the kind is unknown, if
    `kind` contradicts the ending, and if `target` cannot be written or would replace a file.
    """
    target = Path(target)
    is_keras = target.name.endswith(KERAS_ENDING)
    wanted = kind or ("keras" if is_keras else None)
    if wanted is None:
        raise UserError(
            f"out = {target}: its ending does not show its kind; accepted: together with --to"
        )
    if (wanted == "keras") != is_keras:
        raise UserError(
            f"out = {target}: accepted: a name that ends in {KERAS_ENDING} for keras, because Keras"
            " loads no others, and any other name for the other kinds"
        )
    if target.is_dir():
        raise UserError(f"out = {target}: it is a folder; accepted: a file")
    if target.exists() and not overwrite:
        raise UserError(f"out = {target}: it exists; accepted: another name, or --overwrite")
    run_folder = RunFolder(target.parent)
    if target in run_folder.files and run_folder.experiment_file.exists():
        raise UserError(f"out = {target}: it is part of a run; accepted: a folder of its own")
    if not target.parent.is_dir():
        raise UserError(
            f"out = {target}: its folder does not exist; accepted: a file in a folder that exists"
        )
    return wanted


def convert(
    source: Path | str,
    target: Path | str,
    kind: str,
    experiment: Experiment | None = None,
    names: Mapping[str, str] | None = None,
) -> str:
    """Read and check all of `source`, then write `target`; return a message about the result.

    As in `read_model_file`, `experiment` is needed if the source holds only weights. `names` are
    the neutral names by those in the `state_dict` of another module: it is the target if `kind` is
    `torch`, otherwise the source.
    """
    target = Path(target)
    is_torch = kind == "torch"
    own, weights, training = read_model_file(source, experiment, None if is_torch else names)
    write_atomically(target, weights_as(kind, own, weights, names if is_torch else None))
    count = sum(array.size for array in weights.values())
    message = [f"wrote {target}: {kind}, {count:,} parameters in {own.dtype}"]
    is_used = kind == "checkpoint" and experiment is None
    if kind == "checkpoint":
        settings = preset(SETTINGS_OF).with_changes(network=own.network, dtype=own.dtype)
        whose = f"{SETTINGS_OF}'s" if own == settings else "its experiment's"
        if is_used and training is not None and training.taken:
            whose = f"the file's or, where it has none, {SETTINGS_OF}'s"
        message.append(f"it begins at iteration 0, to be trained with {whose} settings")
    if names is not None and own.network.convolutions:
        message.append(
            "dense_1/kernel has Keras' order of rows, by height, width, channels; a module that"
            " flattens channels first has another"
        )
    if training is not None:
        message += _taken(training) if is_used else _replaced(training, kind, own)
        message += [f"not taken from the file: {note}" for note in training.left]
    return "\n".join(message)


def _taken(training: Training) -> list[str]:
    """Return a line for each setting that the new checkpoint has from the file."""
    return [f"taken from the file: {name} {_in_words(v)}" for name, v in training.taken.items()]


def _replaced(training: Training, kind: str, given: Experiment) -> list[str]:
    """Return a line for each setting of the file that the written file does not have."""
    lines = []
    for name, value in training.taken.items():
        ours = getattr(given, name)
        if kind != "checkpoint":
            lines.append(f"not taken from the file: {name} {_in_words(value)}")
        elif ours != value:
            instead = "none" if ours is None else _in_words(ours)
            lines.append(
                f"not taken from the file: {name} {_in_words(value)}; the experiment has {instead}"
            )
    return lines


def _in_words(value: BaseModel) -> str:
    """Return `l2, strength 0.01, layers hidden and output` and so on."""
    fields = dict(value)
    kind = fields.pop("kind")
    return ", ".join([kind, *(f"{name} {_as_text(each)}" for name, each in fields.items())])


def _as_text(value: object) -> str:
    return " and ".join(map(str, value)) if isinstance(value, tuple) else str(value)
