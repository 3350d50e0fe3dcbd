"""`scripts/train.py` as a person runs it, on real MNIST."""

import csv
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from cnn_experiment import L1, PRESETS, Experiment, ExponentialDecay, Nadam, preset
from cnn_experiment.train_options import command_to_go_on, train_parser
from tests.running_scripts import SCRIPTS, Run, command, run_in_a_process, run_script

SCRIPT = SCRIPTS / "train.py"
FEW = ["--train-images", "300", "--test-images", "200", "--epochs", "2", "--device", "cpu"]


def train(*options: str | Path) -> Run:
    return run_script("train", *options)


@pytest.mark.parametrize("backend", ["torch", "keras"])
def test_a_run_prints_its_epochs_and_leaves_its_files(backend: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = train("--backend", backend, *FEW, "--seed", "5", "--out", out)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[0].startswith(f"article-2 on {backend}")
    assert [line.split(":")[0] for line in lines[1:3]] == ["epoch 1", "epoch 2"]
    assert lines[3].startswith("test accuracy 0.")
    assert re.fullmatch(r"[\d,]+ images a second in the last epoch, evaluation included", lines[4])
    assert lines[5].endswith(f"to {out}")

    experiment = Experiment.from_json((out / "experiment.json").read_bytes())
    few = preset("article-2").data.with_changes(train_images=300, test_images=200)
    assert experiment == preset("article-2").with_changes(epochs=2, seed=5, data=few)
    with (out / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["epoch"], row["step"]) for row in rows] == [("1", "5"), ("2", "10")]
    assert f"test accuracy {float(rows[-1]['val_accuracy']):.4f}" in lines[3]
    weights = load_file(out / "weights.safetensors")
    shapes = {name: array.shape for name, array in weights.items()}
    assert shapes == experiment.network.variable_shapes()


@pytest.mark.parametrize("backend", ["torch", "keras"])
def test_an_experiment_file_with_settings_of_the_command_line(backend: str, tmp_path: Path) -> None:
    file, out = tmp_path / "mine.json", tmp_path / "run"
    file.write_text(preset("mlp").to_json())
    settings = ["--optimizer", "nadam", "--l1", "0.001", "--dense", "12,11", "--filters", "3,4"]
    more = ["--schedule", "exponential", "--decay-steps", "7", "--staircase"]
    run = train("--backend", backend, "--experiment", file, *FEW, *settings, *more, "--out", out)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(f"mine on {backend}")
    experiment = Experiment.from_json((out / "experiment.json").read_bytes())
    assert experiment.optimizer == Nadam()
    assert experiment.regularizer == L1(strength=0.001, layers=("hidden",))
    assert experiment.schedule == ExponentialDecay(decay_steps=7, staircase=True)
    assert [layer.units for layer in experiment.network.hidden] == [12, 11]
    assert [layer.filters for layer in experiment.network.convolutions] == [3, 4]


@pytest.mark.parametrize(
    ("options", "status", "sentence"),
    [
        (
            ["--optimizer", "adamax", "--momentum", "0.9"],
            1,
            "momentum = 0.9: adamax has no such setting",
        ),
        (["--filters", "3,x"], 2, "argument --filters: '3,x'; accepted: whole numbers with commas"),
        (
            ["--experiment", "/nowhere.json"],
            1,
            "/nowhere.json: it is not a file; accepted: an experim",
        ),
        (["--l2", "-1"], 1, "regularizer.strength = -1.0: input should be greater than or equal"),
    ],
)
def test_bad_settings_end_in_one_sentence(options: list[str], status: int, sentence: str) -> None:
    run = train(*FEW, *options)
    assert run.returncode == status
    assert sentence in run.stderr.splitlines()[-1]


def test_a_finished_run_is_refused_and_kept_then_replaced_when_told(tmp_path: Path) -> None:
    assert train(*FEW, "--out", tmp_path).returncode == 0
    before = (tmp_path / "weights.safetensors").read_bytes()
    refused = train(*FEW, "--out", tmp_path, "--seed", "1")
    assert refused.returncode == 1
    assert "holds a finished run" in refused.stderr
    assert (tmp_path / "weights.safetensors").read_bytes() == before
    assert train(*FEW, "--out", tmp_path, "--seed", "1", "--overwrite").returncode == 0
    assert (tmp_path / "weights.safetensors").read_bytes() != before
    assert (tmp_path / "previous" / "weights.safetensors").read_bytes() == before


@pytest.mark.parametrize(("backend", "missing"), [("torch", "torch"), ("keras", "keras")])
def test_a_framework_that_is_not_installed_is_named(
    backend: str, missing: str, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.modules[{missing!r}] = None\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    options = ["--backend", backend, *FEW, "--out", str(tmp_path / "run")]
    run = run_in_a_process("train", *options, PYTHONPATH=path)
    assert run.returncode == 1
    assert run.stderr.startswith(f"error: backend = {backend!r}: {missing} is not installed here")
    assert run.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_terminal_gets_a_progress_bar(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 120))
    of_the_addendum = ["--preset", "article-3-addendum", "--train-images", "2560"]
    with subprocess.Popen(
        command("train", *FEW, *of_the_addendum, "--out", tmp_path),
        stdout=theirs,
        stderr=theirs,
    ) as run:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 4096):
                shown += part
        except OSError:  # how Linux ends a terminal
            pass
        os.close(ours)
    assert run.returncode == 0
    assert b"epoch 2/2:" in shown
    assert b"loss=" in shown
    assert b"accuracy=" in shown
    rates = [float(rate) for rate in re.findall(rb"rate=([\d.e-]+)", shown)]
    assert rates[0] > rates[-1] > 0.92e-3  # 1e-3 / (1 + 1e-3 * 80) at the end
    assert b" images/s" in shown
    assert b"/2560 [" in shown
    assert b"<" in shown.partition(b"epoch 2/2:")[2]  # the time left


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--preset", "article-9"], "preset = 'article-9': accepted: article-2, article-3-first"),
        (["--epochs", "0"], "epochs = 0: input should be greater than or equal to 1"),
        (["--seed", "-3"], "seed = -3: input should be greater than or equal to 0"),
        (["--train-images", "70000"], "train_images = 70000: input should be less than or equal"),
        (
            ["--data-dir", str(SCRIPT)],
            f"data_dir = {SCRIPT}: Not a directory; accepted: a folder that holds MNIST/raw",
        ),
        (["--threads", "0"], "threads = 0: accepted: 1 to "),
        (["--threads", "100000"], "threads = 100000: accepted: 1 to "),
        (["--out", str(SCRIPT)], "it is a file; accepted: a folder"),
        (["--out", f"{SCRIPT}/run"], f"out = {SCRIPT}/run: {SCRIPT} is a file; accepted: a folder"),
        (
            ["--out", "/proc/nowhere"],
            "the run's folder /proc/nowhere: No such file or directory; accepted: a folder that",
        ),
        (
            ["--data-dir", "/proc/nowhere"],
            "data_dir = /proc/nowhere: No such file or directory; accepted: a folder that holds",
        ),
    ],
)
def test_bad_input_ends_in_one_sentence(options: list[str], sentence: str, tmp_path: Path) -> None:
    run = train("--out", tmp_path / "run", *options)
    assert run.returncode == 1
    assert run.stderr.startswith("error: ")
    assert sentence in run.stderr
    assert run.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


THREADS = {
    "torch": "import torch; from torch_cnn.process import shares_on\n"
    "print(shares_on(torch.device('cpu')).count * torch.get_num_threads())",
    "keras": "from tensorflow.config import threading as its\n"
    "print(its.get_intra_op_parallelism_threads(), its.get_inter_op_parallelism_threads())",
}
"""Code that prints how many threads a framework was told to use; 0: TensorFlow chooses itself."""


@pytest.mark.parametrize(
    ("backend", "by_default", "told"), [("torch", "2", "1"), ("keras", "0 0", "1 1")]
)
def test_threads_are_those_of_the_process_and_may_change_when_a_run_goes_on(
    backend: str, by_default: str, told: str, tmp_path: Path
) -> None:
    begin = ["--backend", backend, *FEW[:4], "--epochs", "1", "--out", str(tmp_path)]
    go_on = ["--resume", str(tmp_path), "--epochs", "2", "--threads", "1"]
    for options, expected in ((begin, by_default), (go_on, told)):
        line = command("train", "--device", "cpu", *options)[1:]
        code = f"import runpy, sys; sys.argv = {line}\n"
        code += f"runpy.run_path({line[0]!r}, run_name='__main__')\n{THREADS[backend]}"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"OMP_NUM_THREADS": "2"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == expected


def test_a_stopped_run_goes_on_with_the_same_threads() -> None:
    options = train_parser(None).parse_args(["--threads", "1", "--device", "cpu"])
    go_on = command_to_go_on(options, Path("runs/mine"))
    assert go_on.endswith(" --resume runs/mine --device cpu --threads 1")


@pytest.mark.parametrize("backend", ["torch", "keras"])
def test_a_missing_cuda_device_is_named_and_nothing_is_lost(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("keras.distribution.list_devices", lambda _: [])
    (tmp_path / "weights.safetensors").write_bytes(b"precious")
    run = train("--backend", backend, *FEW, "--device", "cuda", "--out", tmp_path, "--overwrite")
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith("error: device = 'cuda': ")
    assert (tmp_path / "weights.safetensors").read_bytes() == b"precious"


@pytest.mark.parametrize("flag", ["--out", "--data-dir"])
def test_an_empty_folder_is_refused(flag: str) -> None:
    run = train(*FEW, flag, "")
    assert run.returncode == 2
    assert f"argument {flag}: it is empty; accepted: a folder" in run.stderr


def test_help_names_every_preset_and_every_flag() -> None:
    text = train("--help").stdout
    for name in PRESETS:
        assert name in text
    for flag in [
        "backend",
        "preset",
        "epochs",
        "seed",
        "device",
        "threads",
        "train-images",
        "test-images",
        "data-dir",
        "out",
        "experiment",
        "precision",
        "optimizer",
        "momentum",
        "schedule",
        "learning-rate",
        "decay-steps",
        "decay-rate",
        "staircase",
        "l1",
        "l2",
        "filters",
        "dense",
    ]:
        assert f"--{flag}" in text
