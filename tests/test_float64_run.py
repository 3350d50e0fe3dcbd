"""`scripts/float64_run.py`: two whole trainings side by side; stopped, gone on with, refused."""

import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnn_experiment import EpochRecord, UserError, initial_weights, preset
from cnn_experiment.runs.checkpoint import Checkpoint
from measurements.whole_run import epoch_distance, read_distances
from parity_tests.small import small_experiment
from tests.running_scripts import Run, command, run_script

FILE = Path(__file__)


def options_for(folder: Path, *others: str | Path) -> list[str | Path]:
    few = ["--preset", "mlp", "--train-images", "50000"]  # whose test images take no time
    return [*few, "--runs", folder / "runs", "--out", folder / "out.jsonl", *others]


def run(folder: Path, *options: str | Path) -> Run:
    return run_script("float64_run", *options_for(folder, *options))


@pytest.mark.slow
def test_two_runs_stay_together_also_when_they_are_stopped(tmp_path: Path) -> None:
    begun = subprocess.Popen(
        command("float64_run", *options_for(tmp_path, "--epochs", "2")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert begun.stdout is not None
    assert begun.stdout.readline().startswith("epoch 1, step 100: weights ")
    begun.send_signal(signal.SIGTERM)
    _, said = begun.communicate(timeout=120)
    assert begun.returncode == 130
    assert said.endswith("stopped; the same command continues\n")
    first = (tmp_path / "out.jsonl").read_bytes()
    assert first.count(b"\n") == 1
    picture = tmp_path / "out.png"
    done = run(tmp_path, "--epochs", "2", "--plot", picture)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.jsonl").read_bytes().startswith(first)
    distances = read_distances(tmp_path / "out.jsonl")
    assert [(each.epoch, each.step) for each in distances] == [(1, 100), (2, 200)]
    for each in distances:
        assert 0 <= max(each.weights, each.loss, each.val_loss) < 1e-13
        assert each.val_accuracy[0] == each.val_accuracy[1] > 0.2
    assert distances[-1].weights > 0  # two frameworks, not one twice
    assert distances[0].predictions is None
    assert (distances[-1].predictions, distances[-1].predictions_that_differ) == (10_000, 0)
    assert picture.read_bytes().startswith(b"\x89PNG")
    published = preset("mlp")
    data = published.data.with_changes(train_images=50_000)
    assert distances[-1].experiment == published.with_changes(dtype="float64", epochs=2, data=data)
    assert distances[-1].circumstances is not None
    assert set(distances[-1].circumstances.versions) == {"torch", "keras", "tensorflow", "numpy"}
    runs = tmp_path / "runs"
    runs.rename(tmp_path / "elsewhere")
    assert run(tmp_path, "--epochs", "2", "--plot", picture).returncode == 0  # draws it anew
    for options, sentence in (
        (("--epochs", "2", "--train-images", "19000"), "it belongs to another run"),
        (("--epochs", "1"), "has 2 already"),
        (("--epochs", "3"), "there is no state in it to continue from after epoch 2"),
    ):
        refused = run(tmp_path, *options)
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        assert sentence in refused.stderr
    assert not runs.exists()
    (tmp_path / "elsewhere").rename(runs)
    (tmp_path / "out.jsonl").unlink()
    another = run(tmp_path, "--epochs", "2", "--train-images", "19000")
    further = run(tmp_path, "--epochs", "2")
    for refused in (another, further):
        assert refused.returncode == 1
        assert "it holds 2 epochs, step " in refused.stderr
        assert "of another run; accepted: a new folder" in refused.stderr


def test_states_that_are_not_comparable_have_no_distance() -> None:
    experiment = small_experiment(3)
    weights = initial_weights(experiment.network, experiment.seed, experiment.dtype)
    record = EpochRecord(
        epoch=1, step=experiment.steps_per_epoch, learning_rate=0.001, loss=0.5, accuracy=0.5,
        val_loss=0.5, val_accuracy=0.5, seconds=1.0,
    )  # fmt: skip
    sound = Checkpoint(experiment, weights, {}, epoch=1, history=(record,))
    assert epoch_distance(sound, sound).weights == 0
    last = list(weights)[-1]
    values = weights[last]
    for faulty, sentence in (
        (values * np.nan, f"{last}.*not finite in theirs"),
        (values[:1], f"{last} has shape"),
        (values.astype(np.float32), f"{last} has dtype"),
    ):
        with pytest.raises(UserError, match=sentence):
            epoch_distance(sound, replace(sound, weights={**weights, last: faulty}))
    fewer = {name: weights[name] for name in list(weights)[1:]}
    with pytest.raises(UserError, match="against"):
        epoch_distance(replace(sound, weights=fewer), sound)
    with pytest.raises(UserError, match="accepted: the same epoch's end"):
        epoch_distance(sound, replace(sound, batch=1))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"epoch": 1}\n', "out.jsonl, line 1: step: field required"),
        (
            '{"epoch": 2, "step": 16, "weights": 0.0, "loss": 0.0, "val_loss": 0.0,'
            ' "accuracy": [0.5, 0.5], "val_accuracy": [0.5, 0.5]}\n',
            "out.jsonl: it has epochs [2]; accepted: 1, 2, 3",
        ),
    ],
)
def test_another_file_is_refused_and_left_alone(
    content: str, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "out.jsonl").write_text(content)
    done = run(tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert sentence in done.stderr
    assert (tmp_path / "out.jsonl").read_text() == content


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--out", f"out = {FILE}/below: {FILE} is a file; accepted: a folder"),
        ("--runs", f"runs = {FILE}/below/here: {FILE} is a file; accepted: a folder"),
        ("--data-dir", f"data_dir = {FILE}/below/here: {FILE} is a file; accepted: a folder"),
        ("--plot", f"plot = {FILE}/below/here: accepted: a name that ends in .png"),
    ],
)
def test_places_that_cannot_be_are_refused_before_anything_is_trained(
    option: str, sentence: str, tmp_path: Path
) -> None:
    refused = run(tmp_path, option, FILE / "below" / "here")
    assert (refused.returncode, refused.stderr) == (1, f"error: {sentence}\n")
    assert list(tmp_path.iterdir()) == []
