"""HDF5 files are read in a process of its own, which refuses what is hostile and has its limits."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from cnn_experiment import UserError, initial_weights, preset, read_weights
from cnn_experiment.formats import hdf5_process
from cnn_experiment.formats.weight_files import weights_as

EXPERIMENT = preset("article-2")
READER = Path(hdf5_process.__file__).with_name("hdf5_reader.py")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A sound `.weights.h5` of article II's network."""
    path = tmp_path / "sound.weights.h5"
    weights = initial_weights(EXPERIMENT.network, 0, "float32")
    path.write_bytes(weights_as("keras", EXPERIMENT, weights))
    return path


def external_link(file: h5py.File, elsewhere: Path) -> None:
    file["layers"] = h5py.ExternalLink(elsewhere, "layers")


def link_to_nothing(file: h5py.File, elsewhere: Path) -> None:
    file["layers"] = h5py.ExternalLink(elsewhere.with_name("missing.h5"), "layers")


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


def small_and_never_written(file: h5py.File, _: Path) -> None:
    file.create_dataset("layers/0", (8,), "float32")


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


def no_text(file: h5py.File, _: Path) -> None:
    file.attrs["model_config"] = np.bytes_(b"\xff\xfe")


def other_contents(file: h5py.File, _: Path) -> None:
    file["measurements"] = np.zeros(3)


HOSTILE: dict[Callable[[h5py.File, Path], None], str] = {
    external_link: "layers is a link; accepted",
    link_to_nothing: "layers is a link; accepted",
    soft_link: "layers/dense is a link; accepted",
    cycle: "layers/again.* is nested too deeply; accepted",
    one_dataset_many_times: "has 4000000 bytes by its shape .*; accepted",
    many_groups: "more than 10000 objects; accepted",
    never_written: r"layers/0 has 4000000000 bytes by its shape \(1000000000,\); accepted",
    small_and_never_written: r"layers/0 has 32 bytes by its shape \(8,\); accepted",
    compressed: "layers/0 is stored in chunks",
    outside: "layers/0 is stored in chunks, virtually or in another file; accepted",
    virtual: "layers/0 is stored in chunks, virtually",
    objects: "layers/0 is of dtype object; accepted: float32, float64",
    half: "layers/0 is of dtype float16; accepted",
    five_axes: r"layers/0 has shape \(1, 1, 1, 1, 8\); accepted: at most 4 axes",
    deep_json: r"it is not JSON \(recursion limit exceeded",
    long_json: "model_config: accepted: JSON text of at most",
    json_array: r"model_config has shape \(2,\); accepted: one JSON text",
    no_text: "it is not an HDF5 file, or it is damaged",
    other_contents: "it holds neither a model_config nor layers; accepted: what Keras",
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


def test_damaged_hdf5_is_read_or_refused(saved: Path, tmp_path: Path) -> None:
    content = saved.read_bytes()
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
            read_weights(path, EXPERIMENT)
        except UserError:
            refused += 1
    assert refused >= 5


CRASH = """
import os, resource, signal
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
os.kill(os.getpid(), signal.SIGSEGV)
"""
LIMITED = "import hdf5_reader; hdf5_reader._limit_this_process(0); print('limited', flush=True)\n"
ENDS = {
    CRASH: "ended with signal SIGSEGV; accepted",
    "import time; time.sleep(60)": "took longer than 1 s; accepted",
    "raise SystemExit(1)": "ended with exit status 1; accepted",
    "print('nothing of use')": "gave no arrays",
}


@pytest.mark.parametrize("program", ENDS)
def test_a_reader_that_ends_badly_is_one_sentence(
    program: str, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hdf5_process, "READER", (sys.executable, "-c", program))
    if "sleep" in program:
        monkeypatch.setattr(hdf5_process, "_SECONDS", 0.5)
    start = time.monotonic()
    with pytest.raises(UserError, match=ENDS[program]):
        read_weights(saved, EXPERIMENT)
    assert time.monotonic() - start < 30


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


def test_the_reader_loads_little(saved: Path) -> None:
    command: list[str | Path] = [
        sys.executable,
        "-X",
        "importtime",
        "-P",
        READER,
        saved,
    ]
    done = subprocess.run(command, capture_output=True, check=True)
    lines = done.stderr.decode().splitlines()
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    assert {"h5py", "numpy", "safetensors"} <= loaded
    assert not {"cnn_experiment", "pydantic", "torch", "keras", "tensorflow"} & loaded


def test_a_missing_h5py_is_named_with_its_extra(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    weights = initial_weights(EXPERIMENT.network, 0, "float32")
    with pytest.raises(
        UserError, match=r"need h5py, which is not installed here; pip install '.\[hdf5"
    ):
        read_weights(saved, EXPERIMENT)
    with pytest.raises(UserError, match="h5py, which is not installed"):
        weights_as("keras", EXPERIMENT, weights)
