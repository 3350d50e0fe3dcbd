"""A run's folder: files whole or not at all, and a finished run never lost unasked."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from cnn_experiment import (
    Checkpoint,
    EpochRecord,
    Experiment,
    RunFolder,
    UserError,
    initial_weights,
    preset,
    read_checkpoint,
)
from cnn_experiment.atomic_file import write_atomically
from cnn_experiment.variables import Variables

EXPERIMENT = preset("article-2")
WEIGHTS = initial_weights(EXPERIMENT.network, 0, "float32")


def record(epoch: int) -> EpochRecord:
    return EpochRecord(
        epoch=epoch,
        step=938 * epoch,
        learning_rate=1e-3,
        loss=1 / 3,
        accuracy=0.1 + 0.2,
        val_loss=5e-324,
        val_accuracy=0.98 + epoch / 100 if epoch < 2 else 0.985,
        seconds=12.5,
    )


def checkpoint(epochs: int, experiment: Experiment = EXPERIMENT) -> Checkpoint:
    history = tuple(record(epoch + 1) for epoch in range(epochs))
    state = experiment.initial_optimizer_state()
    return Checkpoint(experiment, WEIGHTS, state, epochs, history=history)


def finished(path: Path) -> RunFolder:
    run = RunFolder(path)
    run.start(EXPERIMENT, "torch")
    return finished_in(run)


def finished_in(run: RunFolder) -> RunFolder:
    run.keep(checkpoint(1))
    run.keep(checkpoint(2))
    run.finish(WEIGHTS)
    return run


def test_a_finished_run_reads_back_equal(tmp_path: Path) -> None:
    run = finished(tmp_path / "new" / "run")
    assert sorted(run.path.iterdir()) == sorted(run.files)
    assert Experiment.from_json(run.experiment_file.read_bytes()) == EXPERIMENT
    with run.history_file.open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == (
        [
            "epoch",
            "step",
            "learning_rate",
            "loss",
            "accuracy",
            "val_loss",
            "val_accuracy",
            "seconds",
            "precision",
        ]
    )
    types = {"epoch": int, "step": int, "precision": str}
    again = [{name: types.get(name, float)(v) for name, v in row.items()} for row in rows]
    assert again == [record(1).model_dump(), record(2).model_dump()]
    for path, epoch in ((run.best_file, 1), (run.latest_file, 2)):
        kept = read_checkpoint(path)
        assert (kept.epoch, kept.iteration) == (epoch, 938 * epoch)
        assert kept.history == checkpoint(epoch).history
        assert_same(kept.weights, WEIGHTS)
        assert_same(kept.optimizer_state, EXPERIMENT.initial_optimizer_state())
    assert_same(load_file(run.weights_file), WEIGHTS)


def assert_same(ours: Variables, theirs: Variables) -> None:
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name])
        assert array.dtype == theirs[name].dtype


def test_transposed_weights_are_written_by_value_not_by_memory(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.start(EXPERIMENT, "torch")
    kernel = np.arange(6.0).reshape(2, 3)
    run.finish({"dense_1/kernel": kernel.T})
    np.testing.assert_array_equal(load_file(run.weights_file)["dense_1/kernel"], kernel.T)


def test_a_finished_run_is_not_replaced_unasked(tmp_path: Path) -> None:
    run = finished(tmp_path)
    with pytest.raises(UserError, match="holds a finished run; accepted: another folder, or --ov"):
        RunFolder(tmp_path).must_be_free()
    RunFolder(tmp_path).must_be_free(overwrite=True)
    assert run.weights_file.exists()


def test_starting_again_puts_the_old_run_aside_whole(tmp_path: Path) -> None:
    run = finished(tmp_path)
    run.curves_file.write_bytes(b"its picture")
    old = {file.name: file.read_bytes() for file in (*run.files, run.curves_file)}
    run.start(EXPERIMENT.with_changes(seed=3), "keras")
    new = ["experiment.json", "latest.safetensors", "previous"]
    assert sorted(path.name for path in tmp_path.iterdir()) == new
    assert run.read().experiment.seed == 3
    assert (run.read().backend, run.read().iteration) == ("keras", 0)
    assert {p.name: p.read_bytes() for p in (tmp_path / "previous").iterdir()} == old
    run.keep(checkpoint(1))
    assert len(run.history_file.read_text().splitlines()) == 2
    run.start(EXPERIMENT, "torch")
    kept = sorted(path.name for path in (tmp_path / "previous").iterdir())
    assert kept == ["best.safetensors", "experiment.json", "history.csv", "latest.safetensors"]


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("calls", range(12))
def test_putting_aside_can_be_cut_short_anywhere(
    calls: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was done last, the next process finds the old run whole: here, or put aside."""
    first = finished(tmp_path)
    first.start(EXPERIMENT, "torch")  # so that there is a previous/ to replace
    run = finished_in(first)
    old = {file.name: file.read_bytes() for file in run.files}
    left, move, remove = [calls], Path.replace, shutil.rmtree

    def counted() -> None:
        if left[0] == 0:
            raise KilledError
        left[0] -= 1

    def counted_move(path: Path, target: Path) -> Path:
        if not path.name.endswith(".partial"):
            counted()
        return move(path, target)

    def counted_remove(path: Path) -> None:
        counted()
        remove(path)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", counted_move)
        patched.setattr(shutil, "rmtree", counted_remove)
        try:
            with run.taken():
                run.start(EXPERIMENT.with_changes(seed=3), "torch")
        except KilledError:
            pass
    with run.taken():
        here = {file.name: file.read_bytes() for file in run.files if file.exists()}
        aside = {file.name: file.read_bytes() for file in (tmp_path / "previous").iterdir()}
        assert old in (here, aside)
        run.start(EXPERIMENT.with_changes(seed=4), "torch")
    assert {path.name for path in tmp_path.iterdir()} == {
        ".lock",
        "experiment.json",
        "latest.safetensors",
        "previous",
    }


def test_a_longer_run_stays_longer(tmp_path: Path) -> None:
    run = finished(tmp_path)
    longer = EXPERIMENT.with_changes(epochs=9)
    run.go_on(replace(run.read(), experiment=longer))
    assert run.read().experiment == longer
    assert Experiment.from_json(run.experiment_file.read_bytes()) == longer
    assert not run.weights_file.exists()
    assert read_checkpoint(run.best_file).epoch == 1


def test_going_on_forgets_what_was_not_kept(tmp_path: Path) -> None:
    """The best and the history of an epoch, whose state itself was not written any more."""
    run = finished(tmp_path)
    run.go_on(checkpoint(0))
    assert not run.history_file.exists()
    assert not run.best_file.exists()
    run.keep(checkpoint(1))
    assert read_checkpoint(run.best_file).epoch == 1


def test_an_unfinished_run_is_not_replaced_unasked(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.start(EXPERIMENT, "torch")
    run.keep(checkpoint(1))
    with pytest.raises(UserError, match="it holds an unfinished run; accepted: --resume"):
        RunFolder(tmp_path).must_be_free()
    RunFolder(tmp_path).must_be_free(overwrite=True)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(UserError, match="it is a file; accepted: a folder"):
        RunFolder(tmp_path / "run").must_be_free()


def test_a_write_that_fails_keeps_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history.csv"
    write_atomically(path, b"old")

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
