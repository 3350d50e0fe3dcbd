"""The README tells the truth: its snippets run, its commands and folders exist."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cnn_experiment import PRESETS
from measurements.readme_tables import ANOTHER_TABLE, TABLES, with_tables
from tests.any_model.small_models import eagerly
from tests.running_scripts import run_script

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
RESULTS = ROOT / "results"


OWN_MODEL, CLIMB, LIBRARY, OWN_PORT = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SHAPES = """
assert probabilities.shape == (8, 10)
assert maps.shape == (8, 26, 26, 32)
assert weights.shape == (576, 70)
"""


def run(code: str, folder: Path | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_snippet_that_climbs_prints_what_stands_below_it(tmp_path: Path) -> None:
    printed = " ".join(run(CLIMB, tmp_path).split())
    quoted = README.partition(CLIMB)[2].split("```")[2]
    parts = [" ".join(part.split()) for part in quoted.split("...\n")]
    assert len(parts) == 4
    assert [part for part in parts if part.removesuffix(" ...") not in printed] == []
    assert "cause: torch.optim.RMSprop" in (tmp_path / "proof.html").read_text()


def test_the_snippet_for_an_own_model_names_the_mistake_and_holds_once_it_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = " ".join(run(OWN_MODEL, tmp_path).split())
    quoted = README.partition(OWN_MODEL)[2].split("```")[2]
    parts = [" ".join(part.split()) for part in quoted.split("...\n")]
    said = [part.removesuffix(" worst").partition("[")[0] for part in parts]
    assert [part for part in said if part not in printed] == []
    assert parts[-1].rpartition("cause: ")[2] in printed
    mended = OWN_MODEL.replace("torch.optim.Adam(", "KerasAdam(")
    mended = f"from keras_for_torch import KerasAdam\n{mended}"
    mended = mended.replace("assert not result.holds", "assert result.holds")
    monkeypatch.chdir(tmp_path)
    with eagerly():  # in this process, which takes less time than a new one
        exec(compile(mended, "README.md", "exec"), {"__name__": "__main__"})  # noqa: S102 - ours


@pytest.mark.parametrize("backend", ["torch_cnn", "keras_ref"])
def test_the_library_snippet_runs_with_either_backend(backend: str) -> None:
    assert LIBRARY.count("import torch_cnn as backend") == 1
    run(LIBRARY.replace("import torch_cnn as backend", f"import {backend} as backend") + SHAPES)


def test_the_snippet_for_an_own_port_runs() -> None:
    run(OWN_PORT)


def test_the_layout_names_every_folder_that_there_is() -> None:
    ours = {path.parent.relative_to(ROOT).parts[0] for path in ROOT.glob("[a-z]*/**/*.py")}
    named = set(re.findall(r"^(\w+)/ ", README, re.MULTILINE))
    assert all((ROOT / name).is_dir() for name in named)
    assert {"cnn_experiment", "torch_cnn", "keras_ref", "parity_tests", "tests", "scripts"} <= ours
    packages = {name for name in ours if (ROOT / name / "__init__.py").exists()}
    assert packages <= named


def test_every_preset_and_script_is_named() -> None:
    for name in PRESETS:
        assert f"`{name}`" in README
    for script in (ROOT / "scripts").glob("*.py"):
        assert script.name in README


def test_its_pictures_and_links_are_there() -> None:
    linked = re.findall(r"\]\(([^)#]+)\)", README)
    assert "pictures/drift.png" in linked
    assert [path for path in linked if "://" not in path and not (ROOT / path).exists()] == []


def test_the_count_of_damaged_files_is_the_measured_one() -> None:
    measured = json.loads((ROOT / "results" / "fuzz.json").read_bytes())
    kinds = {outcome.partition(":")[0] for outcome in measured["outcomes"]}
    words = {7: "seven", 8: "eight", 9: "nine", 10: "ten"}
    assert f"{measured['files']:,} damaged files of {words[len(kinds)]} kinds" in README
    assert measured["failures"] == []


def test_its_tables_are_made_from_the_files() -> None:
    named = {name for _, name in ANOTHER_TABLE.findall(README)}
    assert named == TABLES.keys()
    assert with_tables(README, RESULTS) == README


def test_a_changed_table_is_made_again(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(README.replace("(70), highest 99.26", "(71), highest 99.99"))
    done = run_script("readme_tables", "--readme", readme, "--results", RESULTS)
    assert done.returncode == 0, done.stderr
    assert readme.read_text() == README


@pytest.mark.parametrize(
    ("text", "folder", "said"),
    [
        ("<!-- table foo, made -->\n", RESULTS, "table = 'foo': accepted: accuracies, places"),
        (README, RESULTS.parent, "it has no accuracy.jsonl; accepted: the project's"),
    ],
)
def test_what_is_no_table_and_no_folder_of_results_is_refused(
    text: str, folder: Path, said: str, tmp_path: Path
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(text)
    refused = run_script("readme_tables", "--readme", readme, "--results", folder)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert said in refused.stderr
    assert readme.read_text() == text


def test_contributing_is_short() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text().splitlines()) <= 40


def test_what_it_says_of_the_tests_on_cuda_is_what_they_printed() -> None:
    printed = (RESULTS / "cuda_tests.txt").read_text()
    failed, passed = map(int, re.findall(r"(\d+) (?:failed|passed)", printed))
    assert f"{passed} of {failed + passed} tests passed" in README
    assert printed.count("FAILED") == failed
