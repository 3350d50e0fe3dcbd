"""The built wheel, installed in a fresh environment: its commands, a climb, an example."""

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.documents import ROOT, python_in

OURS = {
    "cnn_experiment", "keras_for_torch", "keras_ref", "numpy_mlp", "parity_ladder", "parity_tests",
    "torch_cnn", "twin_cnn",
}  # fmt: skip


def done(command: list[str | Path], folder: Path) -> str:
    """Run a command in a folder, without the variables that would lead it to the clone."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "CUDA_VISIBLE_DEVICES": ""}
    finished = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, cwd=folder,
        env=environment,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the clone as a person would build it."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    done([*build, "--quiet", "--wheel-dir", folder, ROOT], folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel. It takes the other packages from the one of the tests.

    A path file names their folder. Path files in that folder itself are not read, so that the clone
    cannot be found through it.
    """
    folder = tmp_path_factory.mktemp("fresh")
    done([sys.executable, "-m", "venv", folder], folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    done([folder / "bin" / "pip", "install", "--no-deps", "--no-index", wheel], folder)
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def test_its_top_level_names_are_ours_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert {name for name in tops if not name.endswith(".dist-info")} == OURS


def test_its_commands_run_from_an_empty_folder(environment: Path, tmp_path: Path) -> None:
    command = environment / "twin-cnn"
    told = done([command, "--help"], tmp_path)
    assert "climb the ladder" in told
    for name in ("train", "parity", "convert", "predict", "activations", "doubtful", "report"):
        assert f"twin-cnn {name}" in done([command, name, "--help"], tmp_path)
    assert "conv2d_1" in done([command, "summary"], tmp_path)


def test_the_readme_s_port_climbs_from_an_empty_folder(environment: Path, tmp_path: Path) -> None:
    models, ten_lines, _ = python_in((ROOT / "README.md").read_text())
    where = "import parity_ladder; print(parity_ladder.__file__)\n"
    printed = done([environment / "python", "-c", where + models + ten_lines], tmp_path)
    assert str(environment.parent) in printed.splitlines()[0]
    assert "cause: PyTorch's epsilon in Adam" in printed


@pytest.mark.slow
def test_the_experiment_climbs_from_an_empty_folder(environment: Path, tmp_path: Path) -> None:
    climb = ["parity", "--preset", "article-2", "--steps", "2", "--random-digits"]
    assert "every rung holds" in done([environment / "twin-cnn", *climb], tmp_path)


@pytest.mark.slow
def test_an_example_climbs_from_a_copy(environment: Path, tmp_path: Path) -> None:
    copy = tmp_path / "two_inputs"
    shutil.copytree(ROOT / "examples" / "two_inputs", copy)
    printed = done([environment / "python", copy / "climb.py"], tmp_path)
    assert "every rung that was judged holds" in printed
