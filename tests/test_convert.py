"""scripts/convert.py: weights come through bit for bit, and bad input ends in one sentence."""

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cnn_experiment import (
    Checkpoint,
    Experiment,
    RunFolder,
    UserError,
    initial_weights,
    preset,
    read_checkpoint,
    read_weights,
)
from cnn_experiment.formats.weight_files import weights_as
from cnn_experiment.variables import Variables
from tests.running_scripts import Run, run_in_a_process, run_script

EXPERIMENT = preset("article-2").with_changes(seed=3)
WEIGHTS = initial_weights(EXPERIMENT.network, 3, "float32")


def convert(*arguments: str | Path) -> Run:
    return run_script("convert", *arguments)


def assert_same(ours: Variables, theirs: Variables) -> None:
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name])
        assert array.dtype == theirs[name].dtype


@pytest.mark.parametrize("name", ["there.weights.h5", "there.safetensors"])
def test_a_checkpoint_comes_back_bit_for_bit(tmp_path: Path, name: str) -> None:
    start, there, back = tmp_path / "start", tmp_path / name, tmp_path / "back"
    state = {name: array + 1 for name, array in EXPERIMENT.initial_optimizer_state().items()}
    start.write_bytes(Checkpoint(EXPERIMENT, WEIGHTS, state, batch=0).to_bytes())
    experiment_file = tmp_path / "experiment.json"
    experiment_file.write_text(EXPERIMENT.to_json())
    to = [] if name.endswith(".h5") else ["--to", "torch"]
    done = run_in_a_process("convert", start, there, *to)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"wrote {there}: {to[-1] if to else 'keras'}, 96,844 parameters")
    done = convert(there, back, "--to", "checkpoint", "--experiment", experiment_file)
    assert done.returncode == 0, done.stderr
    ours = read_checkpoint(back)
    assert_same(ours.weights, WEIGHTS)
    assert (ours.experiment, ours.iteration) == (EXPERIMENT, 0)
    assert_same(ours.optimizer_state, EXPERIMENT.initial_optimizer_state())


def test_the_state_dict_is_the_one_of_the_torch_backend(tmp_path: Path) -> None:
    import torch_cnn

    path = tmp_path / "cnn.safetensors"
    path.write_bytes(weights_as("torch", EXPERIMENT, WEIGHTS))
    theirs = torch_cnn.build_model(EXPERIMENT).state_dict()
    assert_same(load_file(path), {name: tensor.numpy() for name, tensor in theirs.items()})


def test_training_starts_from_a_converted_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "cnn.safetensors").write_bytes(weights_as("torch", EXPERIMENT, WEIGHTS))
    latest = RunFolder(tmp_path).latest_file
    done = convert(tmp_path / "cnn.safetensors", latest, "--to=checkpoint", "--preset=article-2")
    assert "it begins at iteration 0, to be trained with article-2's settings" in done.stdout
    start = RunFolder(tmp_path).read()
    assert start.experiment == preset("article-2")
    assert start.iteration == 0


def test_weights_alone_bring_their_dtype(tmp_path: Path) -> None:
    doubles = {name: array.astype("float64") + 1e-12 for name, array in WEIGHTS.items()}
    path = tmp_path / "weights.safetensors"
    save_file(doubles, path)
    experiment, weights = read_weights(path, EXPERIMENT)
    assert experiment == EXPERIMENT.with_changes(dtype="float64")
    assert_same(weights, doubles)
    for kind in ("checkpoint", "torch", "keras"):
        path.write_bytes(weights_as(kind, experiment, weights))
        assert_same(read_weights(path, EXPERIMENT)[1], doubles)
    with pytest.raises(UserError, match="precision bfloat16 with dtype float64"):
        read_weights(path, EXPERIMENT.with_changes(precision="bfloat16"))


class Payload:
    """Whoever unpickles it writes a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (str(self.trace),)


def archive(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "."), content)


def many_members(path: Path) -> None:
    archive(path, **{f"m{number}": b"" for number in range(500)})


def checkpoint(path: Path) -> None:
    state = EXPERIMENT.initial_optimizer_state()
    path.write_bytes(Checkpoint(EXPERIMENT, WEIGHTS, state).to_bytes())


def changed(**arrays: object) -> Callable[[Path], None]:
    named = {name.replace("__", "/"): np.asarray(array) for name, array in arrays.items()}
    return lambda path: save_file({**WEIGHTS, **named}, path)


def renamed(path: Path) -> None:
    weights = dict(WEIGHTS)
    weights["dense_3/bias"] = weights.pop("dense_2/bias")
    save_file(weights, path)


def torch_weights(path: Path, **others: object) -> None:
    path.write_bytes(weights_as("torch", EXPERIMENT, WEIGHTS))
    named = {name.replace("__", "."): np.asarray(array) for name, array in others.items()}
    save_file({**load_file(path), **named}, path)


def keras_weights(path: Path) -> None:
    path.write_bytes(weights_as("keras", EXPERIMENT, WEIGHTS))


def truncated(make: Callable[[Path], None], count: int = 1) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        make(path)
        path.write_bytes(path.read_bytes()[:-count])

    return write


def nested(path: Path) -> None:
    archive(path, config__json=b"[" * 1_000, model__weights__h5=b"x")


BIAS = np.zeros(10, "float32")
REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda _: None, "it is not a file; accepted: a model file"),
    "folder": (Path.mkdir, "it is not a file"),
    "empty": (Path.touch, "it begins with b''; accepted: safetensors, HDF5 or a .keras archive"),
    "text": (lambda path: path.write_text("hello world"), "it begins with b'hello wor'"),
    "pickle": (
        lambda path: path.write_bytes(pickle.dumps(Payload(path.with_name("trace")))),
        "it begins with b'\\x80\\x04",
    ),
    "pytorch's pickle": (lambda path: archive(path, **{"cnn/data__pkl": b"x"}), "'cnn/data.pkl'"),
    "truncated checkpoint": (truncated(checkpoint), "not a safetensors file, or it is damaged"),
    "truncated weights": (truncated(renamed, 100), "not a safetensors file, or it is damaged"),
    "truncated hdf5": (truncated(keras_weights, 500), "not an HDF5 file, or it is damaged"),
    "hdf5's first bytes": (lambda p: p.write_bytes(b"\x89HDF\r\n\x1a\n"), "not an HDF5 file"),
    "truncated archive": (truncated(nested), "it is not a zip archive as Keras writes it"),
    "renamed": (renamed, "'dense_3/bias' is unknown; accepted: conv2d_1/kernel, "),
    "float16": (changed(dense_2__bias=BIAS.astype("float16")), "is of dtype F16; accepted: float"),
    "integers": (changed(dense_2__bias=BIAS.astype("int32")), "is of dtype I32; accepted: float"),
    "two dtypes": (changed(dense_2__bias=BIAS.astype("float64")), "accepted: of one dtype"),
    "nan": (changed(dense_2__bias=BIAS + np.nan), "dense_2/bias holds a number that is not finite"),
    "shape": (changed(dense_2__bias=BIAS[:9]), "accepted: float32 (10,)"),
    "torch: renamed": (
        lambda path: torch_weights(path, other=BIAS),
        "'other' is unknown; accepted: conv2d_1.weight",
    ),
    "torch: axes": (
        lambda path: torch_weights(path, dense_2__weight=BIAS),
        "dense_2.weight has 1 axes; accepted: 2",
    ),
    "torch: transposed": (
        lambda path: torch_weights(path, dense_2__weight=np.zeros((70, 10), "float32")),
        "dense_2/kernel is float32 (10, 70); accepted: float32 (70, 10)",
    ),
    "deep json": (nested, "recursion limit exceeded"),
    "many members": (many_members, "it has 500 members; accepted: metadata.json"),
    "zip bomb": (
        lambda path: archive(path, config__json=b"{}", model__weights__h5=bytes(10_000_000)),
        "to 10000000 bytes; accepted: 20 times at most",
    ),
    "long json": (
        lambda path: archive(path, config__json=os.urandom(2**20 + 1), model__weights__h5=b"x"),
        "config.json has 1048577 bytes; accepted: at most",
    ),
    "incomplete": (
        lambda path: save_file({"dense_1/bias": WEIGHTS["dense_1/bias"]}, path),
        "'conv2d_1/kernel' is missing; accepted: ",
    ),
    "another member": (
        lambda path: archive(path, config__json=b"{}", model__weights__h5=b"x", other=b""),
        "it holds 'other'; accepted: metadata.json, config.json, model.weights.h5",
    ),
    "no weights": (lambda path: archive(path, config__json=b"{}"), "it holds ['config.json'];"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_sentence_and_nothing_is_written(tmp_path: Path, case: str) -> None:
    make, reason = REFUSED[case]
    source = tmp_path / "in"
    make(source)
    before = sorted(tmp_path.iterdir())
    done = convert(source, tmp_path / "out", "--to", "checkpoint", "--preset", "article-2")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {source}: ")
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert sorted(tmp_path.iterdir()) == before


def test_a_target_is_checked_before_anything_is_read(tmp_path: Path) -> None:
    source, there, folder = tmp_path / "in", tmp_path / "there", tmp_path / "folder"
    there.write_text("mine")
    folder.mkdir()
    for target, to, reason in (
        (there, "torch", "it exists; accepted: another name, or --overwrite"),
        (folder, "torch", "it is a folder; accepted: a file"),
        (tmp_path / "no" / "out", "torch", "its folder does not exist"),
        (tmp_path / "out.h5", "keras", "accepted: a name that ends in .weights.h5 for keras"),
        (tmp_path / "out.weights.h5", "torch", "accepted: a name that ends in .weights.h5 for ker"),
        (tmp_path / "out.safetensors", None, "its ending does not show its kind; accepted: tog"),
    ):
        done = convert(source, target, *(["--to", to] if to else []))
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert f"error: out = {target}: " in done.stderr
        assert reason in done.stderr
    assert there.read_text() == "mine"
    checkpoint(source)
    assert convert(source, there, "--to", "torch", "--overwrite").returncode == 0
    assert load_file(there)["dense_2.bias"].shape == (10,)


def test_the_experiment_is_asked_for_and_checked(tmp_path: Path) -> None:
    source = tmp_path / "in"
    torch_weights(source)
    out = tmp_path / "out"
    broken = tmp_path / "experiment.json"
    broken.write_text("[" * 100_000)
    for arguments, reason in (
        ([], f"{source}: it holds only weights; accepted: together with an experiment"),
        (["--preset", "article-9"], "preset = 'article-9': accepted: article-2"),
        (["--preset", "article-3"], "conv2d_1/bias is float32 (32,); accepted: float32 (64,)"),
        (["--experiment", tmp_path / "no.json"], "no.json: it is not a file"),
        (["--experiment", broken], "recursion limit"),
    ):
        done = convert(source, out, "--to", "torch", *arguments)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert reason in done.stderr
        assert not out.exists()


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    checkpoint(tmp_path / "in")
    other: Experiment = preset("mlp")
    with pytest.raises(UserError, match="its network has convolutions = "):
        read_weights(tmp_path / "in", other)
    experiment, weights = read_weights(tmp_path / "in")
    assert experiment == EXPERIMENT
    assert_same(weights, WEIGHTS)


def test_weights_that_do_not_fit_are_not_made_into_a_file() -> None:
    with pytest.raises(UserError, match="accepted: "):
        weights_as("torch", EXPERIMENT, {**WEIGHTS, "dense_2/bias": BIAS[:3]})
    with pytest.raises(UserError, match="not finite"):
        weights_as("keras", EXPERIMENT, {**WEIGHTS, "dense_2/bias": BIAS + np.float32(np.inf)})
    with pytest.raises(UserError, match="to = 'onnx': accepted: checkpoint, torch, keras"):
        weights_as("onnx", EXPERIMENT, WEIGHTS)
