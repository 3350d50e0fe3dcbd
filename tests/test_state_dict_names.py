"""`--names`: the state_dict of one's own module is read and written by a JSON object of names."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cnn_experiment import UserError, initial_weights, preset, read_checkpoint
from cnn_experiment.formats.state_dict_names import read_names
from cnn_experiment.formats.weight_files import read_model_file, weights_as
from tests.running_scripts import Run, run_script

EXPERIMENT = preset("article-2")
WEIGHTS = initial_weights(EXPERIMENT.network, 4, "float32")
MINE = {f"body.{place}.w": name for place, name in enumerate(WEIGHTS)}


def convert(*arguments: str | Path) -> Run:
    return run_script("convert", *arguments, "--preset", "article-2")


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.json"
    path.write_text(json.dumps(MINE))
    return path


@pytest.mark.parametrize("ours", ["checkpoint", "torch", "weights.safetensors"])
def test_an_own_module_gets_our_weights_and_gives_them_back(
    tmp_path: Path, names: Path, ours: str
) -> None:
    start, theirs, back = tmp_path / "start", tmp_path / "theirs.safetensors", tmp_path / "back"
    if ours == "weights.safetensors":
        save_file(dict(WEIGHTS), start)
    else:
        start.write_bytes(weights_as(ours, EXPERIMENT, WEIGHTS))
    run = convert(start, theirs, "--to", "torch", "--names", names)
    assert run.returncode == 0, run.stderr
    of_torch_cnn = tmp_path / "of_torch_cnn"
    of_torch_cnn.write_bytes(weights_as("torch", EXPERIMENT, WEIGHTS))
    known, found = load_file(of_torch_cnn), load_file(theirs)
    assert found.keys() == MINE.keys()
    for name, neutral in MINE.items():
        layer, _, variable = neutral.partition("/")
        same = known[f"{layer}.{'weight' if variable == 'kernel' else 'bias'}"]
        np.testing.assert_array_equal(found[name], same)
    run = convert(theirs, back, "--to", "checkpoint", "--names", names)
    assert run.returncode == 0, run.stderr
    weights = read_checkpoint(back).weights
    assert weights.keys() == WEIGHTS.keys()
    for name, array in WEIGHTS.items():
        np.testing.assert_array_equal(weights[name], array)


CONTENTS = {
    "[1]": "it holds [1]; accepted: a JSON object such as",
    "{": "it is not JSON (",
    "[" * 100_000: "it is not JSON (maximum recursion depth",
    "\xff": "it is not JSON (",
    '{"a": 1}': "'a' = 1; accepted: a name of ours, such as conv2d_1/kernel",
    '{"a": {"b": "c"}}': "'a' = {'b': 'c'}; accepted: a name of ours",
    '{"a": "b/c", "a": "b/d"}': "'a' is there twice; accepted: each once",
    " " * (2**20 + 1): "it has 1048577 bytes; accepted: at most 1048576",
    "{}": "names: 'conv2d_1/kernel' is missing; accepted: conv2d_1/kernel, conv2d_1/bias",
    '{"a": "conv2d_1/kernel"}': "names: 'conv2d_1/bias' is missing; accepted: conv2d_1/kernel",
    '{"a": "conv2d_1.weight"}': "names: 'conv2d_1.weight' is unknown; accepted: conv2d_1/kernel",
    '{"a": "b/c", "d": "b/c"}': "names: 'b/c' is there 2 times; accepted: each once",
}


@pytest.mark.parametrize("place", range(len(CONTENTS)))
def test_wrong_names_are_one_sentence(place: int, tmp_path: Path) -> None:
    content, said = list(CONTENTS.items())[place]
    names, source = tmp_path / "names.json", tmp_path / "in.safetensors"
    names.write_bytes(content.encode("latin-1"))
    save_file(dict(WEIGHTS), source)
    target = tmp_path / "out.safetensors"
    run = convert(source, target, "--names", names, "--to", "torch")
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (1, "", 1)
    assert said in run.stderr
    assert len(run.stderr) < 600
    assert not target.exists()


def test_a_file_of_names_that_is_missing_is_named(tmp_path: Path) -> None:
    save_file(dict(WEIGHTS), tmp_path / "in")
    for names in (tmp_path, tmp_path / "no.json"):
        run = convert(tmp_path / "in", tmp_path / "out", "--names", names, "--to", "torch")
        assert run.stderr.startswith(f"error: names = {names}: it is not a file; accepted: a JSON")


def test_arrays_of_other_names_are_named(tmp_path: Path, names: Path) -> None:
    source = tmp_path / "in.safetensors"
    for arrays, said in (
        ({"other": WEIGHTS["dense_2/bias"]}, "'other' is unknown; accepted: body.0.w, body.1.w"),
        ({"body.0.w": WEIGHTS["dense_2/bias"]}, "'body.1.w' is missing; accepted: body.0.w"),
        (WEIGHTS, "'conv2d_1/bias' is unknown; accepted: body.0.w"),
    ):
        save_file(dict(arrays), source)
        run = convert(source, tmp_path / "out", "--to", "checkpoint", "--names", names)
        assert (run.returncode, run.stderr.count("\n")) == (1, 1)
        assert f"error: {source}: {said}" in run.stderr


@pytest.mark.parametrize("kind", ["checkpoint", "keras"])
def test_names_for_a_file_with_names_of_its_own_are_refused(
    tmp_path: Path, names: Path, kind: str
) -> None:
    source = tmp_path / "in"
    source.write_bytes(weights_as(kind, EXPERIMENT, WEIGHTS))
    run = convert(source, tmp_path / "out", "--to", "checkpoint", "--names", names)
    assert run.stderr == (
        f"error: {source}: its arrays have names of their own; accepted: without --names\n"
    )
    with pytest.raises(UserError, match="without --names"):
        read_model_file(source, EXPERIMENT, MINE)


def test_names_are_read_from_a_path_that_is_text(tmp_path: Path) -> None:
    (tmp_path / "names.json").write_text('{"a": "b"}')
    assert read_names(str(tmp_path / "names.json")) == {"a": "b"}
