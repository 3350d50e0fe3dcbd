"""Convert a model file of one kind to another kind, and check where it may be written."""

from pathlib import Path

from cnn_experiment.atomic_file import write_atomically
from cnn_experiment.errors import UserError
from cnn_experiment.formats.weight_files import SETTINGS_OF, read_weights, weights_as
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
    source: Path | str, target: Path | str, kind: str, experiment: Experiment | None = None
) -> str:
    """Read and check all of `source`, then write `target`; return a message about the result.

    As in `read_weights`, `experiment` is needed if the source holds only weights.
    """
    target = Path(target)
    own, weights = read_weights(source, experiment)
    write_atomically(target, weights_as(kind, own, weights))
    count = sum(array.size for array in weights.values())
    message = f"wrote {target}: {kind}, {count:,} parameters in {own.dtype}"
    if kind != "checkpoint":
        return message
    settings = preset(SETTINGS_OF).with_changes(network=own.network, dtype=own.dtype)
    whose = f"{SETTINGS_OF}'s" if own == settings else "its experiment's"
    return f"{message}\nit begins at iteration 0, to be trained with {whose} settings"
