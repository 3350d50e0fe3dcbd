"""The README tells the truth: its snippets run, its commands and folders exist."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cnn_experiment import PRESETS
from measurements.accuracy import published
from measurements.accuracy.analysis import analysis
from measurements.accuracy.places import places
from measurements.accuracy.readme_tables import interval
from measurements.accuracy.runs import read_runs
from measurements.accuracy.splits import split_or_start
from measurements.accuracy.verdicts import shown, verdicts
from measurements.readme_tables import ANOTHER_TABLE, TABLES, with_tables
from measurements.whole_run import read_distances
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


def comparison_figures() -> list[str]:
    """What the README says of two contestants' pairs, as the measured runs have it."""
    runs = read_runs(RESULTS / "accuracy.jsonl")
    earlier = {(each["preset"], each["epochs"]): each for each in analysis(runs)}
    of_both, _, of_stock = earlier["article-2", 5]["comparisons"]
    of_addendum = earlier["article-3-addendum", 5]["comparisons"][0]
    new = read_runs(RESULTS / "confirmatory.jsonl")
    by_name = {each["name"]: each for each in verdicts(new)}
    of_a, of_i = by_name["A"], by_name["I"]
    assert (of_a["verdict"], of_i["verdict"]) == ("equivalent", "equivalent")
    (on_cpu,) = (
        each
        for each in analysis(shown(new))
        if (each["preset"], each["device"]) == ("article-2", "cpu")
    )
    (of_d,) = (
        each for each in split_or_start(new) if (each["study"], each["device"]) == ("D", "cuda")
    )
    spread = of_d["val_accuracy"]
    numbers = {(each["study"], each["contestant"]): each["numbers"] for each in places(shown(new))}
    (first_loss,) = numbers["B", "torch-stock-rmsprop"][published.FIRST_LOSS]["published"]
    for contestant in ("keras", "torch"):
        assert numbers["B", contestant][published.FIRST_LOSS]["published"][0]["reached"] == 0
        assert numbers["B", contestant][published.ACCURACY]["least"] > 0.7436
    assert [each["reached"] for each in numbers["D", "torch"][published.LOWEST]["published"]] == [
        0,
        0,
    ]
    stock = [run for run in runs if run.contestant == "torch-stock-rmsprop"]
    assert max(run.loss[0] for run in stock) < published.ARTICLE_2_LOSSES[0]
    between, within = ends(spread["between"]), ends(spread["within"])
    return [
        f"In {of_a['pairs']} new pairs PyTorch minus Keras is {interval(of_a['difference'])}",
        f"(p {of_a['p']:.3f}, 90 % interval {100 * of_a['low']:+.3f} to {100 * of_a['high']:+.3f})",
        f"finds no difference (p {of_a['differs_p']:.2f})",
        f"(correlation by seed {on_cpu['comparisons'][0]['correlation']:.2f})",
        f"The {of_both['difference']['size']} earlier pairs",
        f"had suggested {interval(of_both['difference'])}",
        f"in {of_addendum['difference']['size']} earlier pairs, PyTorch is ahead: by"
        f" {interval(of_addendum['difference'])[:-1]}; p {of_addendum['differs_p']:.2f})",
        "by {:.4f} ({:.4f} to {:.4f};".format(
            *(-of_addendum["val_loss_difference"][what] for what in ("mean", "high", "low"))
        ),
        f"in {of_i['pairs']} pairs it is {interval(of_i['difference'])} from float32",
        f"(p {of_i['p']:.4f}, 90 % interval {100 * of_i['low']:+.3f} to {100 * of_i['high']:+.3f})",
        f"by Keras 2's {first_loss['reached']} of 30",
        f"article-3`'s accuracy over the {of_d['splits']} splits trained on CUDA, the standard",
        f"is above all {len(stock)} runs by Keras 2's",
        f"between splits is {between}, that between starts with one split, other weights and"
        f" batches, {within.replace(' points', '')}.",
        f"spread would need {of_stock['pairs_needed_if_equal']}.",
    ]


def ends(deviation: dict[str, Any]) -> str:
    """In points."""
    middle, low, high = (100 * deviation[what] for what in ("deviation", "low", "high"))
    return f"{middle:.3f} points ({low:.3f} to {high:.3f})"


def test_its_comparisons_are_the_measured_ones() -> None:
    text = " ".join(README.split())
    assert [figure for figure in comparison_figures() if figure not in text] == []


def test_the_losses_that_tell_the_momentum_are_the_measured_ones() -> None:
    text = " ".join(README.split())
    for name, epochs, at in (
        ("article-3", 80, (13, 19, 22)),
        ("article-3, momentum 0.8", 22, (13, 19, 22)),
        ("article-3-addendum", 80, (15, 23, 35)),
        ("article-3-addendum, momentum 0.8", 35, (15, 23, 35)),
    ):
        assert losses_at(at, (name, epochs)) in text


def losses_at(looked_at: tuple[int, ...], experiment: tuple[str, int]) -> str:
    """From which to which all runs' training losses are after these epochs."""
    runs = [
        run.loss
        for run in read_runs(RESULTS / "accuracy.jsonl")
        if run.identity[:3:2] == experiment
    ]
    ranges = []
    for epoch in looked_at:
        found = sorted(loss[epoch - 1] for loss in runs)
        ends = dict.fromkeys(f"{end:.4f}" for end in (found[0], found[-1]))
        ranges.append(" to ".join(ends))
    return ", ".join(ranges)


def test_its_distances_in_float64_are_the_measured_ones() -> None:
    distances = read_distances(RESULTS / "float64_article-3.jsonl")
    last, text = distances[-1], README.replace("\n", " ")
    assert f"{last.step:,} steps" in text
    assert f"{last.predictions_that_differ} of the {last.predictions:,} predictions" in text
    for figure in ("weights", "loss", "val_loss"):
        assert f"{max(getattr(each, figure) for each in distances):.1e}" in text


def test_contributing_is_short() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text().splitlines()) <= 40


def test_what_it_says_of_the_tests_on_cuda_is_what_they_printed() -> None:
    printed = (RESULTS / "cuda_tests.txt").read_text()
    failed, passed = map(int, re.findall(r"(\d+) (?:failed|passed)", printed))
    assert f"{passed} of {failed + passed} tests passed" in README
    assert printed.count("FAILED") == failed
