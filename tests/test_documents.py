"""The pages in docs/ tell the truth: snippets run, links and folders exist, tables are measured."""

import json
import re
from pathlib import Path

import pytest

from cnn_experiment import PRESETS
from measurements.page_tables import ANOTHER_TABLE, TABLES, with_tables
from tests.any_model.small_models import eagerly
from tests.documents import PAGES, README, ROOT, TEXT, printed_below, python_in, run
from tests.running_scripts import run_script

RESULTS = ROOT / "results"
CLIMB, OWN_PORT = python_in(PAGES["own_model"])
WITH_TABLES = ("results", "ladder", "speed", "cluster")


def test_the_tutorial_is_one_program_that_prints_what_it_quotes(tmp_path: Path) -> None:
    blocks = python_in(PAGES["tutorial"])
    printed = " ".join(run("\n".join(blocks), tmp_path).split())
    climbs = [block for block in blocks if block.endswith("print(result)\n")]
    assert len(climbs) == 2
    for block in climbs:
        quoted = printed_below(block, PAGES["tutorial"])
        assert len(quoted) > 1
        assert [part for part in quoted if part not in printed] == []
    assert (tmp_path / "proof.html").is_file()


def test_the_snippet_that_climbs_prints_what_stands_below_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with eagerly():  # in this process, which takes less time
        exec(CLIMB, {"__name__": "__main__"})  # noqa: S102 - our own
    printed = " ".join(capsys.readouterr().out.split())
    quoted = printed_below(CLIMB, PAGES["own_model"])
    assert len(quoted) > 3
    assert [part for part in quoted if part not in printed] == []
    assert "cause: torch.optim.RMSprop" in (tmp_path / "proof.html").read_text()


def test_the_snippet_for_an_own_port_runs() -> None:
    exec(OWN_PORT, {"__name__": "__main__"})  # noqa: S102 - our own


def test_the_layout_names_every_folder_that_there_is() -> None:
    ours = {path.parent.relative_to(ROOT).parts[0] for path in ROOT.glob("[a-z]*/**/*.py")}
    named = set(re.findall(r"^(\w+)/ ", PAGES["design"], re.MULTILINE))
    assert all((ROOT / name).is_dir() for name in named)
    assert {"cnn_experiment", "torch_cnn", "keras_ref", "parity_tests", "tests", "scripts"} <= ours
    packages = {name for name in ours if (ROOT / name / "__init__.py").exists()}
    assert packages <= named


def test_every_preset_and_script_is_named() -> None:
    for name in PRESETS:
        assert f"`{name}`" in PAGES["experiment"]
    for script in (ROOT / "scripts").glob("*.py"):
        assert script.name in PAGES["design"]


def test_pictures_and_links_are_there() -> None:
    made = {"guide.md"}  # by the site
    assert {f"docs/{name}.md" for name in PAGES} - set(re.findall(r"\]\(([^)#]+)", README)) == {
        "docs/index.md",
        "docs/reference.md",
    }
    for folder, page in [(ROOT, README), *((ROOT / "docs", page) for page in PAGES.values())]:
        linked = [path for path in re.findall(r"\]\(([^)#]+)", page) if "://" not in path]
        lost = [path for path in linked if not (folder / path).exists()]
        assert {Path(path).name for path in lost} <= made


def test_the_count_of_damaged_files_is_the_measured_one() -> None:
    measured = json.loads((RESULTS / "fuzz.json").read_bytes())
    kinds = {outcome.partition(":")[0] for outcome in measured["outcomes"]}
    words = {9: "nine", 10: "ten", 11: "eleven", 12: "twelve"}
    assert f"{measured['files']:,} damaged files of {words[len(kinds)]} kinds" in TEXT
    assert measured["failures"] == []


def test_tables_are_made_from_the_files() -> None:
    named = [name for page in PAGES.values() for _, name in ANOTHER_TABLE.findall(page)]
    assert sorted(named) == sorted(TABLES)
    for name in WITH_TABLES:
        assert with_tables(PAGES[name], RESULTS) == PAGES[name]


def test_a_changed_table_is_made_again(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    page.write_text(PAGES["results"].replace("(70), highest 99.26", "(71), highest 99.99"))
    done = run_script("page_tables", page, "--results", RESULTS)
    assert done.returncode == 0, done.stderr
    assert page.read_text() == PAGES["results"]


@pytest.mark.parametrize(
    ("text", "folder", "said"),
    [
        ("<!-- table foo, made -->\n", RESULTS, "table = 'foo': accepted: accuracies, places"),
        ("", RESULTS.parent, "it has no accuracy.jsonl; accepted: the project's"),
    ],
)
def test_what_is_no_table_and_no_folder_of_results_is_refused(
    text: str, folder: Path, said: str, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    refused = run_script("page_tables", page, "--results", folder)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert said in refused.stderr
    assert page.read_text() == text


def test_contributing_is_short() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text().splitlines()) <= 40


def test_what_is_said_of_the_tests_on_cuda_is_what_they_printed() -> None:
    printed = (RESULTS / "cuda_tests.txt").read_text()
    failed, passed = map(int, re.findall(r"(\d+) (?:failed|passed)", printed))
    assert f"{passed} of {failed + passed} tests passed" in TEXT
    assert printed.count("FAILED") == failed
