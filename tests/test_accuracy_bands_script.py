"""`scripts/accuracy_bands.py`: runs that are paired, appended whole and not repeated; verdicts."""

import json
import os
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from cnn_experiment import UserError, preset
from measurements.accuracy.runs import AccuracyRun, read_runs
from measurements.json_lines import add_line, read_lines
from tests.running_scripts import SCRIPTS, Run, command, run_in_a_process, run_script

SMALL = (
    "--train-images", "2000", "--epochs", "3", "--seeds", "1",
    "--jobs", "2", "--contestants", "keras,torch,torch-stock-rmsprop",
)  # fmt: skip


def places(folder: Path) -> tuple[str | Path, ...]:
    return "--results", folder / "accuracy.jsonl", "--runs", folder / "runs"


def train(*options: str | Path) -> Run:
    return run_in_a_process("accuracy_bands", *options)


def bands(*options: str | Path) -> Run:
    return run_script("accuracy_bands", *options)


def wait_for(file: Path) -> None:
    begun = time.monotonic()
    while not file.exists():
        assert time.monotonic() < begun + 120
        time.sleep(0.05)


def made_up(contestant: str, seed: int, last: float) -> AccuracyRun:
    return AccuracyRun(
        preset="article-2",
        contestant=contestant,  # type: ignore[arg-type]
        seed=seed,
        val_accuracy=(0.98, last),
        val_loss=(0.06, 0.04 + 0.001 * seed),
        accuracy=(0.95, 0.98),
        loss=(0.2, 0.1),
        experiment=preset("article-2").with_changes(seed=seed, epochs=2),
        threads=1,
        versions={"torch": "2"},
    )


@pytest.fixture(scope="module")
def left_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study that nobody stopped."""
    folder = tmp_path_factory.mktemp("left-alone")
    done = train(*SMALL, *places(folder))
    assert done.returncode == 0, done.stderr
    return folder


def test_a_run_is_a_line_that_is_not_repeated(left_alone: Path) -> None:
    results = left_alone / "accuracy.jsonl"
    before = results.read_bytes()
    runs = {run.contestant: run for run in read_lines(results, AccuracyRun)}
    assert set(runs) == {"keras", "torch", "torch-stock-rmsprop"}
    published = preset("article-2")
    data = published.data.with_changes(train_images=2000)
    for run in runs.values():
        assert run.experiment == published.with_changes(epochs=3, data=data)
        assert run.identity[:3:2] == ("article-2, 2000 images", 3)
    ours, theirs = (runs[name].loss for name in ("torch", "keras"))
    stock = runs["torch-stock-rmsprop"].loss
    assert ours[0] == pytest.approx(theirs[0], rel=0.01)  # one start, one order of batches
    assert abs(stock[0] - theirs[0]) > abs(ours[0] - theirs[0])  # another equation
    assert stock[-1] < 0.3  # but it trains
    again = train(*SMALL, *places(left_alone))
    assert again.returncode == 0, again.stderr
    assert results.read_bytes() == before


def test_a_run_that_was_stopped_goes_on_as_if_it_was_not(left_alone: Path, tmp_path: Path) -> None:
    options = (*SMALL, "--contestants", "torch", *places(tmp_path))
    line = command("accuracy_bands", *options)
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # also where the tests ignore it
    run = subprocess.Popen(
        line, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heed
    )
    history = tmp_path / "runs" / "article-2-2000-images-torch-3-seed0" / "history.csv"
    wait_for(history)
    os.killpg(run.pid, signal.SIGINT)  # Ctrl-C: the worker processes get it, too
    _, said = run.communicate(timeout=60)
    assert (run.returncode, said) == (130, "stopped; the same command continues\n")
    begun = history.with_name("circumstances.json")
    before = begun.read_text()
    begun.write_text(before.replace('"threads": ', '"threads": 1'))
    refused = train(*options)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "it was begun with torch 2." in refused.stderr
    assert "accepted: the same, or other --runs" in refused.stderr
    assert not (tmp_path / "accuracy.jsonl").exists()
    begun.write_text(before)
    assert train(*options).returncode == 0
    (gone_on,) = read_lines(tmp_path / "accuracy.jsonl", AccuracyRun)
    assert gone_on in read_lines(left_alone / "accuracy.jsonl", AccuracyRun)


def test_the_analysis_says_what_the_runs_say(tmp_path: Path) -> None:
    results, out, picture = (tmp_path / name for name in ("a.jsonl", "a.json", "a.png"))
    for seed in range(12):
        add_line(results, made_up("keras", seed, 0.9880 + 0.0001 * seed))
        add_line(results, made_up("torch", seed, 0.9881 + 0.0001 * seed))
    done = bands("--analyse", "--results", results, "--json", out, "--plot", picture)
    assert done.returncode == 0, done.stderr
    assert "torch minus keras, 12 pairs: +0.010 points" in done.stdout
    assert "within 0.05 points: equivalent" in done.stdout
    written = json.loads(out.read_bytes())
    assert written["plan"] is None  # none of these runs was planned
    (found,) = written["experiments"]
    (comparison,) = found["comparisons"]
    assert comparison["is_equivalent"]
    assert comparison["difference"]["mean"] == pytest.approx(0.0001)
    assert found["contestants"]["torch"]["val_accuracy"]["mean"] == pytest.approx(0.98865)
    assert picture.read_bytes().startswith(b"\x89PNG")
    of_five = bands("--analyse", "--results", results, "--seeds", "5").stdout
    assert "torch minus keras, 5 pairs: +0.010 points" in of_five


def test_runs_on_two_devices_are_not_one_experiment(tmp_path: Path) -> None:
    results, out = tmp_path / "a.jsonl", tmp_path / "a.json"
    for seed in range(3):
        add_line(results, made_up("torch", seed, 0.9880 + 0.0001 * seed))
        there = made_up("torch-bfloat16", seed, 0.9881).with_changes(device="cuda", gpu="some GPU")
        add_line(results, there)
        add_line(results, made_up("torch", seed, 0.9882).with_changes(device="cuda"))
    assert len(read_runs(results)) == 9
    done = bands("--analyse", "--results", results, "--json", out)
    assert "article-2 on cuda, validation after epoch 2" in done.stdout
    on_cpu, on_cuda = json.loads(out.read_bytes())["experiments"]
    assert (on_cpu["device"], on_cpu["comparisons"]) == ("cpu", [])
    assert [each["theirs"] for each in on_cuda["comparisons"]] == ["torch"]


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    results = tmp_path / "accuracy.jsonl"
    results.write_text(made_up("keras", 0, 0.99).model_dump_json() + '\n{"preset": "article-2"}\n')
    with pytest.raises(UserError, match="line 2: contestant"):
        read_runs(results)
    results.write_text(
        made_up("keras", 0, 0.99).model_dump_json().replace('"seed":0', '"seed":1', 1)
    )
    with pytest.raises(UserError, match="epochs and seed must be those of the experiment"):
        read_runs(results)
    results.write_text(
        made_up("keras", 0, 0.99).model_dump_json().replace('"article-2"', '"article-3"', 1)
    )
    with pytest.raises(UserError, match="the experiment must be that of the preset"):
        read_runs(results)


def test_a_run_counts_once_and_a_lost_newline_loses_nothing(tmp_path: Path) -> None:
    results = tmp_path / "accuracy.jsonl"
    for run in (made_up("keras", 0, 0.99), made_up("keras", 0, 0.98), made_up("torch", 0, 0.99)):
        add_line(results, run)
        results.write_bytes(results.read_bytes().rstrip())
    assert len(read_lines(results, AccuracyRun)) == 3
    assert [run.identity[1] for run in read_runs(results)] == ["keras", "torch"]


def test_a_training_that_was_stopped_is_no_finished_one(tmp_path: Path) -> None:
    options = (*SMALL, "--contestants", "torch", "--epochs", "50", "--jobs", "1", *places(tmp_path))
    run = subprocess.Popen(command("accuracy_bands", *options), stderr=subprocess.PIPE, text=True)
    history = tmp_path / "runs" / "article-2-2000-images-torch-50-seed0" / "history.csv"
    wait_for(history)
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
    for child in children:  # one of them is multiprocessing's own, and ignores it
        os.kill(int(child), signal.SIGTERM)
    _, said = run.communicate(timeout=60)
    assert (run.returncode, said) == (
        1,
        "error: a training was stopped; the same command continues\n",
    )
    assert not (tmp_path / "accuracy.jsonl").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--contestants", "jax"], "contestants = 'jax': accepted: keras, torch, torch-bfloat16"),
        (["--seeds", "0"], "seeds = 0: accepted: 1 or more"),
        (["--jobs", "0"], "jobs = 0: accepted: 1 or more"),
        (["--momentum", "2"], "momentum"),
        (["--device", "cuda", "--contestants", "torch"], "device = 'cuda': PyTorch finds no CUDA"),
        (["--runs", __file__], f"runs = {__file__}: it is a file; accepted: a folder"),
        (
            ["--results", f"{__file__}/below/accuracy.jsonl"],
            f"results = {__file__}/below: {__file__} is a file; accepted: a folder",
        ),
        (["--results", str(SCRIPTS)], f"results = {SCRIPTS}: it is a folder; accepted: a file"),
        (
            ["--data-dir", __file__],
            f"data_dir = {__file__}: it is a file; accepted: a folder",
        ),
        (["--preset", "article-9"], "preset = 'article-9': accepted: article-2"),
        (["--analyse"], "there is no such run in it"),
        (
            ["--analyse", "--results", str(SCRIPTS)],
            f"results = {SCRIPTS}: it is a folder; accepted: a file",
        ),
        (["--analyse", "--contestants", "keras"], "--contestants is for training"),
        (["--plot", "a.png"], "--plot is for --analyse"),
        (["--close", "C"], "--close is for --analyse"),
        (
            ["--analyse", "--json", f"{__file__}/a.json"],
            f"json = {__file__}/a.json: accepted: a file in a folder that exists",
        ),
        (["--analyse", "--plot", "a.pdf"], "plot = a.pdf: accepted: a name that ends in .png"),
    ],
)
def test_bad_input_ends_in_one_sentence(options: list[str], sentence: str, tmp_path: Path) -> None:
    done = bands("--results", tmp_path / "none.jsonl", "--runs", tmp_path, *options)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("error: ")
    assert sentence in done.stderr
