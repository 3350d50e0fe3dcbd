"""A model file of one kind made into a file of another kind: what may be written, and where."""

from pathlib import Path

from cnn_experiment.atomic_file import write_atomically
from cnn_experiment.errors import UserError
from cnn_experiment.formats.weight_files import SETTINGS_OF, read_weights, weights_as
from cnn_experiment.runs.run_folder import RunFolder
from cnn_experiment.settings.experiment import Experiment
from cnn_experiment.settings.presets import preset

KERAS_ENDING = ".weights.h5"
"""Keras loads weights from a file only if its name ends so."""


def kind_of_target(target: Path | str, kind: str | None, *, overwrite: bool = False) -> str:
    """Return the kind of file to write: `kind`, or the one that the name of `target` tells.

    Raises `UserError` where neither tells it, where they contradict each other, and where `target`
    cannot be written or would replace something.
    """
    target = Path(target)
    is_keras = target.name.endswith(KERAS_ENDING)
    wanted = kind or ("keras" if is_keras else None)
    if wanted is None:
        raise UserError(f"out = {target}: its ending tells no kind; accepted: with --to")
    if (wanted == "keras") != is_keras:
        raise UserError(
            f"out = {target}: accepted: a name that ends in {KERAS_ENDING} for keras, which Keras"
            " asks for, and another for the others"
        )
    if target.is_dir():
        raise UserError(f"out = {target}: it is a folder; accepted: a file")
    if target.exists() and not overwrite:
        raise UserError(f"out = {target}: it is there; accepted: another name, or --overwrite")
    run_folder = RunFolder(target.parent)
    if target in run_folder.files and run_folder.experiment_file.exists():
        raise UserError(f"out = {target}: it is part of a run; accepted: a folder of its own")
    if not target.parent.is_dir():
        raise UserError(f"out = {target}: its folder is not there; accepted: in one that is")
    return wanted


def convert(
    source: Path | str, target: Path | str, kind: str, experiment: Experiment | None = None
) -> str:
    """Read and check all of `source`, then write `target`; return what was written, in words.

    `experiment` is needed where the source holds weights alone, as in `read_weights`.
    """
    target = Path(target)
    own, weights = read_weights(source, experiment)
    write_atomically(target, weights_as(kind, own, weights))
    count = sum(array.size for array in weights.values())
    told = f"wrote {target}: {kind}, {count:,} parameters in {own.dtype}"
    if kind != "checkpoint":
        return told
    settings = preset(SETTINGS_OF).with_changes(network=own.network, dtype=own.dtype)
    whose = f"{SETTINGS_OF}'s" if own == settings else "its experiment's"
    return f"{told}\nit begins at iteration 0, to be trained with {whose} settings"
