"""The examples: few lines of glue, a mended port that holds, and a first port that leads to it."""

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.any_model.small_models import eagerly

EXAMPLES = Path(__file__).parents[1] / "examples"
NAMES = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())
LINES_OF_GLUE = 15


def climb_in_a_process(example: str, port: str, folder: Path) -> str:
    """Climb as a person does, from a folder of their own."""
    command = [sys.executable, str(EXAMPLES / example / "climb.py"), port]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def climb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str, str], str]:
    """Climb in this process, which has the frameworks, and return what is printed."""

    def climb(example: str, port: str) -> str:
        script = str(EXAMPLES / example / "climb.py")
        monkeypatch.setattr(sys, "argv", [script, port])
        monkeypatch.syspath_prepend(EXAMPLES / example)
        monkeypatch.chdir(tmp_path)
        for name in ("keras_model", port):
            monkeypatch.delitem(sys.modules, name, raising=False)
        runpy.run_path(script)
        return capsys.readouterr().out

    return climb


def named(text: str) -> list[str]:
    """The causes that a text names."""
    return re.findall(r"^cause: (.*?)\. ", text, re.MULTILINE)


def test_there_are_five() -> None:
    assert NAMES == ["autoencoder", "strided_cnn", "text_lstm", "transformer", "two_inputs"]


@pytest.mark.parametrize("example", NAMES)
def test_the_glue_is_short(example: str) -> None:
    lines = (EXAMPLES / example / "climb.py").read_text().splitlines()
    assert len([line for line in lines if line and not line.startswith('"""')]) <= LINES_OF_GLUE


@pytest.mark.parametrize("example", NAMES)
def test_the_mended_port_holds_on_every_rung_that_is_judged(
    example: str, climb: Callable[[str, str], str], tmp_path: Path
) -> None:
    printed = climb(example, "port")
    assert "every rung that was judged holds" in printed
    assert "FAILS" not in printed
    assert named(printed) == []
    assert (tmp_path / "proof.html").stat().st_size > 5_000


def test_an_example_is_climbed_from_a_folder_of_ones_own(tmp_path: Path) -> None:
    assert "every rung that was judged holds" in climb_in_a_process("two_inputs", "port", tmp_path)
    assert (tmp_path / "proof.html").exists()


@pytest.mark.parametrize("example", NAMES)
def test_the_first_port_leads_to_the_causes_that_its_readme_tells(
    example: str, climb: Callable[[str, str], str]
) -> None:
    told = named((EXAMPLES / example / "README.md").read_text())
    assert told
    with eagerly():  # a search for causes compiles more than it computes
        assert named(climb(example, "first_port")) == told


@pytest.mark.parametrize("example", NAMES)
def test_the_readme_shows_what_was_changed(example: str) -> None:
    folder = EXAMPLES / example
    readme = (folder / "README.md").read_text()
    changes = readme.partition("```diff\n")[2].partition("```")[0].splitlines()
    first, mended = ((folder / f"{name}.py").read_text() for name in ("first_port", "port"))
    assert changes
    assert all(line[1:] in (mended if line[0] == "+" else first) for line in changes)
