"""The README tells the truth: its snippets run, its commands and folders exist."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cnn_experiment import PRESETS
from measurements.accuracy.analysis import analysis
from measurements.accuracy.runs import read_runs
from measurements.whole_run import read_distances
from tests.any_model.small_models import eagerly

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


def test_its_accuracies_are_the_measured_ones() -> None:
    rows = {row.split("|")[1].strip(): row for row in README.splitlines() if "|" in row[:1]}
    measured = {each["preset"]: each for each in analysis(read_runs(RESULTS / "accuracy.jsonl"))}
    for name in measured.keys() & {"article-2", "article-3", "article-3-addendum"}:
        of_preset = measured[name]
        row = rows[f"`{name}`, {of_preset['epochs']} epochs"]
        for backend in {"keras", "torch"} & of_preset["contestants"].keys():
            assert reached(of_preset["contestants"][backend]) in row


def comparison_figures() -> list[str]:
    """What the README says of two contestants' pairs, as the measured runs have it."""
    runs = read_runs(RESULTS / "accuracy.jsonl")
    measured = {(each["preset"], each["epochs"]): each for each in analysis(runs)}
    of_both, of_bfloat16, of_stock = measured["article-2", 5]["comparisons"]
    stock_seeds = len(of_stock["differences"])
    (same_seeds,) = analysis(
        run
        for run in runs
        if run.identity[:3:2] == ("article-2", 5)
        and run.contestant in ("keras", "torch")
        and run.seed < stock_seeds
    )
    of_port = same_seeds["comparisons"][0]
    of_addendum = measured["article-3-addendum", 5]["comparisons"][0]
    pairs = of_both["difference"]["size"]
    met = of_both["convergence"]
    outside = {
        (each["of"], each["epoch"]): f"{each['rejected']} of {each['runs']}"
        for each in measured["article-2", 5]["outside"]
    }
    never, theirs_never = of_stock["convergence"]["never"]
    return [
        f"In {pairs} pairs of `article-2` PyTorch minus Keras is "
        f"{interval(of_both['difference'], end=';')} with",
        f"90 % {100 * of_both['low']:+.3f} to {100 * of_both['high']:+.3f})",
        f"losses differ by {losses(of_both)}",
        f"is within 0.05 points (p {of_both['p']:.2f})",
        f"that there is any (p {of_both['differs_p']:.2f})",
        f"{pairs} pairs of two equal frameworks would pass with a probability (power) of"
        f" {100 * of_both['power_if_equal']:.0f} %",
        f"{of_both['pairs_needed_if_equal']} pairs would be needed for 80 %",
        f"Epochs to 99 % differ by {met['difference']['mean']:+.2f} (with 90 % {met['low']:+.2f} to"
        f" {met['high']:+.2f}, margin {met['margin']})",
        f"{met['never'][0]} and {met['never'][1]} of the {pairs} never got there",
        f"(correlation {of_both['correlation']:.2f})",
        f"in {of_addendum['difference']['size']} pairs, PyTorch is ahead: by"
        f" {interval(of_addendum['difference'], end='')}; p {of_addendum['differs_p']:.2f})",
        "by {:.4f} ({:.4f} to {:.4f};".format(
            *(-of_addendum["val_loss_difference"][what] for what in ("mean", "high", "low"))
        ),
        f"bfloat16 minus float32 is {interval(of_bfloat16['difference'])}",
        f"{outside['torch-bfloat16', 1].partition(' ')[0]} of the {stock_seeds} are outside",
        row(interval(of_stock["difference"]), interval(of_port["difference"])),
        row(f"no (p {of_stock['p']:.2f})", f"no (p {of_port['p']:.2f})"),
        row(f"no (p {of_stock['differs_p']:.2f})", f"no (p {of_port['differs_p']:.2f})"),
        row(losses(of_stock), losses(of_port)),
        f"(Keras: {theirs_never}) "
        + row(
            f"{never} of {stock_seeds}", f"{of_port['convergence']['never'][0]} of {stock_seeds}"
        ),
        *(row(outside["torch-stock-rmsprop", epoch], outside["torch", epoch]) for epoch in (1, 5)),
        f"spread would need {of_stock['pairs_needed_if_equal']}.",
    ]


def test_its_comparisons_are_the_measured_ones() -> None:
    text = README.replace("\n", " ")
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


def interval(mean: dict[str, Any], end: str = ")") -> str:
    """In points."""
    middle, low, high = (100 * mean[what] for what in ("mean", "low", "high"))
    return f"{middle:+.3f} points ({low:+.3f} to {high:+.3f}{end}"


def losses(comparison: dict[str, Any]) -> str:
    mean = comparison["val_loss_difference"]
    return f"{mean['mean']:+.4f} ({mean['low']:+.4f} to {mean['high']:+.4f})"


def row(ours: str, theirs: str) -> str:
    return f"| {ours} | {theirs} |"


def reached(contestant: dict[str, Any]) -> str:
    accuracy = contestant["val_accuracy"]
    deviation = f" ± {100 * accuracy['deviation']:.2f}" if contestant["runs"] > 1 else ""
    highest = contestant["best_epoch"]["highest"]
    return (
        f"{100 * accuracy['mean']:.2f}{deviation} % ({contestant['runs']}),"
        f" highest {100 * highest:.2f}"
    )


def test_its_distances_in_float64_are_the_measured_ones() -> None:
    distances = read_distances(RESULTS / "float64_article-3.jsonl")
    last, text = distances[-1], README.replace("\n", " ")
    assert f"{last.step:,} steps" in text
    assert f"{last.predictions_that_differ} of the {last.predictions:,} predictions" in text
    for figure in ("weights", "loss", "val_loss"):
        assert f"{max(getattr(each, figure) for each in distances):.1e}" in text


def test_contributing_is_short() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text().splitlines()) <= 40
