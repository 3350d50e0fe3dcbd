"""The scripts that look at a run, on a real one, as a person runs them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cnn_experiment import PRESETS, RunFolder, load_pixels, preset

SCRIPTS = Path(__file__).parents[1] / "scripts"
Options = list[str | Path]


def script(name: str, *options: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPTS / f"{name}.py", *options],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Article II's network after one epoch of all images."""
    out = tmp_path_factory.mktemp("run")
    done = script("train", "--epochs", "1", "--device", "cpu", "--out", out)
    assert done.returncode == 0, done.stderr
    assert RunFolder(out).curves_file.exists()
    return out


def test_what_a_layer_sees_in_both_frameworks(run: Path, tmp_path: Path) -> None:
    of_both: Options = ["--run", run, "--backend", "both", "--layer"]
    for layer, which in (("conv2d_1", ["--image", "3"]), ("dense_1", ["--compare", "3,5,8"])):
        out = tmp_path / f"{layer}.png"
        done = script("activations", *of_both, layer, *which, "--out", out)
        assert done.returncode == 0, done.stderr
        with Image.open(out) as picture:
            assert picture.format == "PNG"
        apart = float(done.stdout.split("at most ")[1].split()[0])
        assert apart < 1e-4  # it tells; how far they may be is test_forward.py's


def test_a_picture_is_the_same_again_and_options_change_it(run: Path, tmp_path: Path) -> None:
    pictures = {}
    for name, options in (
        ("once", []),
        ("again", []),
        ("scaled", ["--scale"]),
        ("other colours", ["--cmap", "viridis"]),
    ):
        out = tmp_path / f"{name}.png"
        which: Options = ["--run", run, "--layer", "max_pool_1", "--image", "0"]
        done = script("activations", *which, *options, "--out", out)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"max_pool_1, 13x13x32: wrote {out}\n"
        pictures[name] = out.read_bytes()
    assert pictures["once"] == pictures["again"]
    assert len(set(pictures.values())) == 3


@pytest.mark.parametrize("backend", ["torch", "keras"])
def test_doubtful_digits(backend: str, run: Path, tmp_path: Path) -> None:
    done = script("doubtful", "--run", run, "--backend", backend, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    accuracy = RunFolder(run).read().history[-1].val_accuracy
    first = done.stdout.splitlines()[0]
    assert first == f"test images: {round(accuracy * 10_000):,} of 10,000 right, {accuracy:.2%}"
    assert "least sure of:" in done.stdout
    names = {"confusion.png", "least_sure.png", "misclassified.png"}
    assert {file.name for file in tmp_path.iterdir()} == names


def test_a_pair_of_digits(run: Path, tmp_path: Path) -> None:
    done = script("doubtful", "--run", run, "--pair", "4,9", "--count", "5", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "a 4 taken for a 9: " in done.stdout
    doubts = [line for line in done.stdout.splitlines() if line.startswith("  image")]
    assert len(doubts) == 5
    assert all(", a 4: " in line or ", a 9: " in line for line in doubts)
    assert [file.name for file in tmp_path.iterdir()] == ["pair_4_9.png"]


def large_and_shifted(digit: NDArray[np.uint8], right: int, down: int) -> Image.Image:
    """280x280, dark on light, moved by so many pixels."""
    page = Image.new("L", (280, 280), 255)
    enlarged = Image.fromarray(255 - digit).resize((280, 280), Image.Resampling.BICUBIC)
    page.paste(enlarged, (right, down))
    return page


def test_own_digits_are_read(run: Path, tmp_path: Path) -> None:
    """95 of 100 test digits, enlarged, inverted, shifted by up to 40 pixels and saved as JPEG."""
    pixels = load_pixels(preset("article-2"))
    source = np.random.RandomState(0)
    files = []
    for number, digit in enumerate(pixels.test_images[:100]):
        files.append(tmp_path / f"{number}.jpg")
        right, down = (int(by) for by in source.randint(-40, 41, 2))
        large_and_shifted(digit, right, down).save(files[-1])
    done = script("predict", "--run", run, *files, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [row["image"] for row in found] == [str(file) for file in files]
    assert all(abs(sum(row["probabilities"]) - 1) < 1e-5 for row in found)
    read = np.array([row["digit"] for row in found])
    assert (read == pixels.test_labels[:100]).sum() >= 95


def test_the_table_and_the_picture_of_what_was_seen(run: Path, tmp_path: Path) -> None:
    pixels = load_pixels(preset("article-2"))
    file, seen = tmp_path / "mine.png", tmp_path / "seen.png"
    large_and_shifted(pixels.test_images[0], 10, -10).save(file)
    done = script("predict", "--run", run, file, file, "--show", seen)
    assert done.returncode == 0, done.stderr
    heads, _, *rows = done.stdout.splitlines()
    assert heads.split() == ["image", "digit", *"0123456789"]
    assert rows[0] == rows[1]
    assert rows[0].split()[1] == str(pixels.test_labels[0])
    with Image.open(seen) as picture:
        assert picture.format == "PNG"


@pytest.mark.parametrize("name", PRESETS)
def test_the_summary_tells_both_frameworks_shapes(name: str) -> None:
    """They are the real ones."""
    import keras_ref
    import torch_cnn

    done = script("summary", "--preset", name)
    assert done.returncode == 0, done.stderr
    theirs, ours = (side.build_model(preset(name)) for side in (keras_ref, torch_cnn))
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if line}
    state = ours.state_dict()
    for layer in theirs.layers:
        assert f"{layer.count_params():,}" in rows[layer.name]
        assert " x ".join(map(str, layer.output.shape[1:])) in rows[layer.name]
        if layer.weights:
            shapes = (layer.kernel.shape, state[f"{layer.name}.weight"].shape)
            texts = [" x ".join(map(str, shape)) for shape in shapes]
            assert rows[layer.name].split("  ")[-1].strip() == texts[1]
            assert texts[0] in rows[layer.name]
    assert f"parameters: {theirs.count_params():,}" in rows["parameters:"]


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("activations", ["--layer", "dense_9", "--image", "0"], "layer = 'dense_9': accepted: con"),
        ("activations", ["--layer", "dense_1", "--image", "10000"], "accepted: 0 to 9999"),
        ("activations", ["--layer", "dense_1", "--compare", "1,-1"], "image = -1: accepted: 0 to"),
        (
            "activations",
            ["--layer", "dense_1", "--image", "0", "--cmap", "plaid"],
            "cmap = 'plaid': accepted: jet",
        ),
        (
            "activations",
            ["--layer", "dense_1", "--image", "0", "--out", "/nowhere/a.png"],
            "out = /nowhere/a.png: accepted: a name ending in .png, in a folder that is there",
        ),
        ("doubtful", ["--pair", "4,10"], "pair = (4, 10): accepted: two of 0 to 9"),
        ("doubtful", ["--count", "0"], "count = 0: accepted: 1 or more"),
        ("doubtful", ["--run", "/nowhere"], "run = /nowhere: there is no latest.safetensors in it"),
        ("predict", [SCRIPTS / "predict.py"], "predict.py: it cannot be read as a picture"),
        ("predict", ["/nowhere.png"], "image = /nowhere.png: it is no file"),
        ("summary", ["--preset", "article-9"], "preset = 'article-9': accepted: article-2"),
        ("summary", ["--experiment", "/nowhere.json"], "/nowhere.json: it is no file"),
    ],
)
def test_bad_input_ends_in_one_sentence(
    name: str, options: list[str | Path], sentence: str, run: Path, tmp_path: Path
) -> None:
    given: Options = [] if name == "summary" else ["--run", run]
    if name == "activations":
        given += ["--out", tmp_path / "a.png"]
    done = script(name, *given, *options)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert sentence in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "options"),
    [("activations", ["--layer", "dense_1", "--compare", "1,x"]), ("doubtful", ["--pair", "4,4"])],
)
def test_what_is_no_number_is_refused(name: str, options: list[str]) -> None:
    done = script(name, "--run", "anywhere", *options, "--out", "a.png")
    assert done.returncode == 2
    assert "; accepted: " in done.stderr


def test_without_matplotlib_a_run_goes_on_and_a_picture_is_refused(
    run: Path, tmp_path: Path
) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ModuleNotFoundError(name='matplotlib')")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    few = ["--train-images", "64", "--test-images", "10", "--epochs", "1"]
    done = script("train", *few, "--out", tmp_path / "run", PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    assert "no curves: matplotlib is not installed here; pip install '.[plots]'" in done.stderr
    asked = script("train", *few, "--plot", "curves", "--out", tmp_path / "b", PYTHONPATH=path)
    assert (asked.returncode, asked.stderr.count("\n")) == (1, 1)
    which: Options = ["--run", run, "--layer", "dense_1", "--image", "0"]
    done = script("activations", *which, "--out", tmp_path / "a.png", PYTHONPATH=path)
    assert done.returncode == 1
    assert done.stderr == "error: matplotlib is not installed here; pip install '.[plots]'\n"


def test_a_run_without_curves_writes_none(tmp_path: Path) -> None:
    few = ["--train-images", "64", "--test-images", "10", "--epochs", "1", "--plot", "none"]
    assert script("train", *few, "--out", tmp_path).returncode == 0
    assert not RunFolder(tmp_path).curves_file.exists()


def test_curves_of_a_resumed_run_are_those_of_the_run_left_alone(tmp_path: Path) -> None:
    few = ["--train-images", "300", "--test-images", "100", "--device", "cpu"]
    alone, resumed = (RunFolder(tmp_path / name) for name in ("alone", "resumed"))
    runs: list[Options] = [
        [*few, "--epochs", "3", "--out", alone.path],
        [*few, "--epochs", "1", "--out", resumed.path],
        ["--resume", resumed.path, "--epochs", "3", "--device", "cpu"],
    ]
    for options in runs:
        done = script("train", *options)
        assert done.returncode == 0, done.stderr
    assert resumed.curves_file.read_bytes() == alone.curves_file.read_bytes()
