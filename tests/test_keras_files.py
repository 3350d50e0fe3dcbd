"""Model files of today's Keras are read as what Keras computes, and nothing in them is run."""

import json
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

import keras_ref
import torch_cnn
from cnn_experiment import (
    UserError,
    hdf5_process,
    initial_weights,
    keras_files,
    load_mnist,
    preset,
    read_weights,
)
from cnn_experiment.keras_config import read_config
from cnn_experiment.weight_files import weights_as

EXPERIMENT = preset("article-2")
READER = Path(hdf5_process.__file__).with_name("hdf5_reader.py")
SAVED = ("cnn.h5", "cnn.keras", "cnn.weights.h5")


@dataclass(frozen=True)
class Saved:
    """What today's Keras saved of one model, and what the model said of 1,000 real images."""

    folder: Path
    images_nhwc: NDArray[Any]
    probabilities: NDArray[Any]
    weights: list[NDArray[Any]]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """Article II's network as its author builds it, except for names, weights and biases."""
    cnn = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, (3, 3), activation="relu", name="zebra"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(64, (3, 3), activation="relu", name="dense_1"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(64, (3, 3), activation="relu", kernel_regularizer="l2", name="a.b"),
            layers.Flatten(),
            layers.Dense(70, activation="relu", name="conv2d_1"),
            layers.Dense(10),
            layers.Activation("softmax"),
        ]
    )
    cnn.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    numbers = np.random.default_rng(0)
    cnn.set_weights([numbers.normal(0, 0.1, w.shape) for w in cnn.get_weights()])
    data = EXPERIMENT.data.with_changes(train_images=1, test_images=1_000)
    images = load_mnist(EXPERIMENT.with_changes(data=data)).test_images_nhwc
    folder = tmp_path_factory.mktemp("keras")
    for name in SAVED:
        (cnn.save_weights if "weights" in name else cnn.save)(folder / name)
    return Saved(folder, images, cnn.predict(images, verbose=0), cnn.get_weights())


@pytest.mark.parametrize("name", SAVED)
def test_the_port_of_a_saved_model_computes_what_keras_does(saved: Saved, name: str) -> None:
    given = EXPERIMENT if name == "cnn.weights.h5" else None
    experiment, weights = read_weights(saved.folder / name, given)
    assert experiment == EXPERIMENT
    ours_in_order = [weights[name] for name in experiment.network.variable_shapes()]
    for ours, theirs in zip(ours_in_order, saved.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    model = torch_cnn.build_model(experiment)
    torch_cnn.load_neutral_weights(model, weights)
    ours = torch_cnn.predict(model, saved.images_nhwc)
    assert ours.dtype == saved.probabilities.dtype == np.float32
    assert saved.probabilities.std() > 0.01
    np.testing.assert_allclose(ours, saved.probabilities, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_keras_loads_what_we_write(tmp_path: Path, dtype: str) -> None:
    experiment = preset("mlp").with_changes(dtype=dtype)
    weights = initial_weights(experiment.network, 7, experiment.dtype)
    path = tmp_path / "cnn.weights.h5"
    path.write_bytes(weights_as("keras", experiment, weights))
    model = keras_ref.build_model(experiment)
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
        model.load_weights(path)
    loaded = keras_ref.neutral_weights(model)
    model.save_weights(tmp_path / "again.weights.h5")
    same, again = read_weights(tmp_path / "again.weights.h5", preset("mlp"))
    assert same == experiment
    assert loaded.keys() == weights.keys() == again.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(loaded[name], array)
        np.testing.assert_array_equal(again[name], array)


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_a_lambda_is_refused_by_name_and_not_run(tmp_path: Path, ending: str) -> None:
    trace = tmp_path / "written by the model"

    def write(features: Any) -> Any:
        trace.write_text("run")
        return features

    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Lambda(write, name="innocent")])
    model.save(tmp_path / f"cnn.{ending}")
    assert trace.exists()  # so it would show
    trace.unlink()
    with pytest.raises(UserError, match="layer 'innocent' is a Lambda; accepted: InputLayer, Conv"):
        read_weights(tmp_path / f"cnn.{ending}")
    assert not trace.exists()


Change = Callable[[dict[str, Any]], None]


def with_setting(place: int, **settings: Any) -> Change:
    return lambda config: config["config"]["layers"][place]["config"].update(settings)


def with_layers(part: slice) -> Change:
    def change(config: dict[str, Any]) -> None:
        config["config"]["layers"] = config["config"]["layers"][part]

    return change


def with_model(**settings: Any) -> Change:
    return lambda config: config.update(settings)


def without_pooling(config: dict[str, Any]) -> None:
    del config["config"]["layers"][2]


def of_another_module(config: dict[str, Any]) -> None:
    config["config"]["layers"][1]["module"] = "os"


CONFIGURATIONS: dict[str, Change] = {
    "layer 'zebra': padding = 'same'; accepted: \"valid\"": with_setting(1, padding="same"),
    r"strides = \[2, 2\]; accepted: \[1, 1\]": with_setting(1, strides=[2, 2]),
    "strides = .*; accepted: its pool_size": with_setting(2, strides=[1, 1]),
    r"dilation_rate = \[2, 2\]": with_setting(1, dilation_rate=[2, 2]),
    "groups = 2": with_setting(1, groups=2),
    "use_bias = False; accepted: true": with_setting(1, use_bias=False),
    "data_format = 'channels_first'": with_setting(1, data_format="channels_first"),
    "activation = 'gelu'; accepted: relu, sigmoid, elu, tanh": with_setting(1, activation="gelu"),
    "activation = 'softmax'; accepted: relu": with_setting(7, activation="softmax"),
    r"activation = \{'class_name': 'function'": with_setting(
        1, activation={"class_name": "function", "config": "f"}
    ),
    "lora_rank = 4; accepted: null": with_setting(1, lora_rank=4),
    "dtype = 'mixed_float16'; accepted: float32, float64": with_setting(
        1, dtype={"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}
    ),
    r"batch_shape = \[None, 784\]": with_setting(0, batch_shape=[None, 784]),
    "filters = 'many': input should be a valid integer": with_setting(1, filters="many"),
    r"pools\[0\]\[0\] = 0: input should be greater": with_setting(
        2, pool_size=[0, 2], strides=[0, 2]
    ),
    "layer 'dense_1' is a Conv2D in the place of MaxPooling2D": without_pooling,
    "layer 'zebra' is a Conv2D of os; accepted": of_another_module,
    "layers are named .*; accepted: a name for each": with_setting(7, name="zebra"),
    "the model does not begin with an InputLayer": with_layers(slice(1, None)),
    "the model ends, there is nothing in the place of Dense": with_layers(slice(7)),
    "the model is a 'Functional'": with_model(class_name="Functional"),
    "configuration: layers = 3: input should be a valid list": with_model(config={"layers": 3}),
}


@pytest.mark.parametrize("sentence", CONFIGURATIONS)
def test_what_a_network_cannot_express_is_refused_by_name(saved: Saved, sentence: str) -> None:
    with zipfile.ZipFile(saved.folder / "cnn.keras") as archive:
        config = json.loads(archive.read("config.json"))
    assert read_config(json.dumps(config))[0] == EXPERIMENT.network
    CONFIGURATIONS[sentence](config)
    with pytest.raises(UserError, match=sentence):
        read_config(json.dumps(config))


def test_another_network_than_the_experiments_is_refused(saved: Saved) -> None:
    with pytest.raises(UserError, match=r"its network has convolutions = .*; accepted: the exper"):
        read_weights(saved.folder / "cnn.h5", preset("article-3"))
    with pytest.raises(UserError, match="weights alone; accepted: together with an experiment"):
        read_weights(saved.folder / "cnn.weights.h5")


def external_link(file: h5py.File, elsewhere: Path) -> None:
    file["layers"] = h5py.ExternalLink(elsewhere, "layers")


def soft_link(file: h5py.File, _: Path) -> None:
    file["elsewhere/vars/0"] = np.zeros(3, "float32")
    file["layers/dense"] = h5py.SoftLink("/elsewhere")


def cycle(file: h5py.File, _: Path) -> None:
    group = file.create_group("layers")
    group["again"] = group


def one_dataset_many_times(file: h5py.File, _: Path) -> None:
    file["layers/0"] = np.zeros(1_000_000, "float32")
    for number in range(1, 2_000):
        file[f"layers/{number}"] = file["layers/0"]


def many_groups(file: h5py.File, _: Path) -> None:
    for number in range(10_001):
        file.create_group(f"layers/{number}")


def never_written(file: h5py.File, _: Path) -> None:
    file.create_dataset("layers/0", (1_000_000_000,), "float32")


def compressed(file: h5py.File, _: Path) -> None:
    file.create_dataset("layers/0", data=np.zeros(10_000_000, "float32"), compression="gzip")


def outside(file: h5py.File, elsewhere: Path) -> None:
    file.create_dataset("layers/0", (8,), "float32", external=[(elsewhere, 0, 32)])


def virtual(file: h5py.File, elsewhere: Path) -> None:
    layout = h5py.VirtualLayout((8,), "float32")
    layout[:] = h5py.VirtualSource(elsewhere, "layers/0", (8,))
    file.create_virtual_dataset("layers/0", layout)


def objects(file: h5py.File, _: Path) -> None:
    file.create_dataset("layers/0", data=["text"], dtype=h5py.string_dtype())


def half(file: h5py.File, _: Path) -> None:
    file["layers/0"] = np.zeros(8, "float16")


def five_axes(file: h5py.File, _: Path) -> None:
    file["layers/0"] = np.zeros((1, 1, 1, 1, 8), "float32")


def deep_json(file: h5py.File, _: Path) -> None:
    file.attrs["model_config"] = "[" * 100_000


def long_json(file: h5py.File, _: Path) -> None:
    file.attrs["model_config"] = " " * (2**20 + 1)


def json_array(file: h5py.File, _: Path) -> None:
    file.attrs["model_config"] = ["{}", "{}"]


def other_contents(file: h5py.File, _: Path) -> None:
    file["measurements"] = np.zeros(3)


HOSTILE: dict[Callable[[h5py.File, Path], None], str] = {
    external_link: "layers is a link to elsewhere; accepted",
    soft_link: "layers/dense is a link to elsewhere; accepted",
    cycle: "layers/again.* lies too deep; accepted",
    one_dataset_many_times: "has 4000000 bytes by its shape .*; accepted",
    many_groups: "more than 10000 objects; accepted",
    never_written: r"layers/0 has 4000000000 bytes by its shape \(1000000000,\); accepted",
    compressed: "layers/0 is stored in chunks",
    outside: "layers/0 is stored in chunks, virtually or in another file; accepted",
    virtual: "layers/0 is stored in chunks, virtually",
    objects: "layers/0 is of dtype object; accepted: float32, float64",
    half: "layers/0 is of dtype float16; accepted",
    five_axes: r"layers/0 has shape \(1, 1, 1, 1, 8\); accepted: at most 4 axes",
    deep_json: "invalid JSON: recursion limit exceeded",
    long_json: "model_config: accepted: JSON text of at most",
    json_array: r"model_config has shape \(2,\); accepted: one JSON text",
    other_contents: "it holds neither a model_config nor layers; accepted: what today's Keras",
}


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_hostile_hdf5_is_refused(tmp_path: Path, make: Callable[[h5py.File, Path], None]) -> None:
    elsewhere = tmp_path / "elsewhere.h5"
    with h5py.File(elsewhere, "w") as file:
        file["layers/0"] = np.zeros(8, "float32")
    path = tmp_path / "cnn.h5"
    with h5py.File(path, "w") as file:
        make(file, elsewhere)
    with pytest.raises(UserError, match=HOSTILE[make]) as caught:
        read_weights(path, EXPERIMENT)
    assert "\n" not in str(caught.value)


def test_damaged_hdf5_is_read_or_refused(saved: Saved, tmp_path: Path) -> None:
    content = (saved.folder / "cnn.h5").read_bytes()
    numbers = np.random.default_rng(0)
    refused = 0
    for _ in range(10):
        damaged = bytearray(content)
        for place in numbers.integers(0, 10_000, 30):  # where the structure lies
            damaged[place] = numbers.integers(256)
        damaged[:8] = content[:8]
        path = tmp_path / "cnn.h5"
        path.write_bytes(damaged)
        try:
            read_weights(path)
        except UserError:
            refused += 1
    assert refused >= 5


def test_a_damaged_archive_is_read_or_refused(
    saved: Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras_files, "read_hdf5", lambda _: (None, {}))
    content = (saved.folder / "cnn.keras").read_bytes()
    numbers = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(content)
        for place in numbers.integers(1, 260, 3):  # the list of members stands last
            damaged[-place] = numbers.integers(256)
        path = tmp_path / "cnn.keras"
        path.write_bytes(damaged)
        with pytest.raises(UserError) as caught:  # for want of weights, if for nothing else
            read_weights(path)
        assert len(str(caught.value)) < 500


CRASH = """
import os, resource, signal
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
os.kill(os.getpid(), signal.SIGSEGV)
"""
LIMITED = "import hdf5_reader; hdf5_reader._limit_this_process(0); print('limited', flush=True)\n"
ENDS = {
    CRASH: "ended with signal SIGSEGV; accepted",
    "import time; time.sleep(60)": "was not done after 1 s; accepted",
    "raise SystemExit(1)": "ended with exit status 1; accepted",
    "print('nothing of use')": "gave no arrays",
}


@pytest.mark.parametrize("program", ENDS)
def test_a_reader_that_ends_badly_is_one_sentence(
    program: str, saved: Saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hdf5_process, "READER", (sys.executable, "-c", program))
    monkeypatch.setattr(hdf5_process, "_SECONDS", 0.5)
    with pytest.raises(UserError, match=ENDS[program]):
        read_weights(saved.folder / "cnn.h5")


@pytest.mark.parametrize(
    ("deed", "end"),
    [
        ("bytearray(2**30)", 1),
        ("while True: pass", -signal.SIGKILL),
        ("import os; os.write(os.open(PATH, os.O_CREAT | 1), b'x')", 1),
    ],
)
def test_the_reader_has_little_memory_and_time_and_writes_no_file(
    deed: str, end: int, tmp_path: Path
) -> None:
    program = LIMITED + deed.replace("PATH", repr(str(tmp_path / "new")))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, cwd=READER.parent, check=False
    )
    assert done.stdout == b"limited\n"
    assert done.returncode == end, done.stderr


def test_the_reader_loads_little(saved: Saved) -> None:
    command: list[str | Path] = [
        sys.executable,
        "-X",
        "importtime",
        "-P",
        READER,
        saved.folder / "cnn.h5",
    ]
    done = subprocess.run(command, capture_output=True, check=True)
    lines = done.stderr.decode().splitlines()
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    assert {"h5py", "numpy", "safetensors"} <= loaded
    assert not {"cnn_experiment", "pydantic", "torch", "keras", "tensorflow"} & loaded


def test_a_missing_h5py_is_named_with_its_extra(
    saved: Saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    weights = initial_weights(EXPERIMENT.network, 0, "float32")
    with pytest.raises(
        UserError, match=r"need h5py, which is not installed here; pip install '.\[hdf5"
    ):
        read_weights(saved.folder / "cnn.h5")
    with pytest.raises(UserError, match="h5py, which is not installed"):
        weights_as("keras", EXPERIMENT, weights)
