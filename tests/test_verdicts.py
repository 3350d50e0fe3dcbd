"""The plan's hypotheses: its words, complete studies alone, and nothing shown before."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cnn_experiment import UserError
from measurements.accuracy.plan import Study, studies_of
from measurements.accuracy.report import of_the_plan
from measurements.accuracy.runs import METRICS, AccuracyRun
from measurements.accuracy.verdicts import HYPOTHESES, LETTERS, shown, verdicts
from measurements.json_lines import add_line
from tests.planned_runs import pairs_that_differ_by, planned_run
from tests.running_scripts import run_script

PLAN = (Path(__file__).parents[1] / "results" / "PLAN.md").read_text()
ONE_OF_THEIRS = "98765"
"""The digits of an accuracy that no table may show before the study is complete."""


def study_of(letter: str) -> Study:
    (study,) = studies_of(letter)
    return study


def answers(runs: list[AccuracyRun], close: str = "") -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in verdicts(runs, close)}


def analysed(runs: list[AccuracyRun], folder: Path, *options: str) -> tuple[str, Any]:
    """What the script prints and writes of a file with these runs."""
    results, out = folder / "some.jsonl", folder / "some.json"
    for run in runs:
        add_line(results, run)
    done = run_script("accuracy_bands", "--analyse", "--results", results, "--json", out, *options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout, json.loads(out.read_bytes())


def test_the_hypotheses_are_those_of_the_plan() -> None:
    chapter = PLAN.partition("## Hypotheses")[2].partition("\n## ")[0]
    planned = re.findall(r"^(\d)\. \*\*(\w+):", chapter, re.MULTILINE)
    assert planned == [(str(each.number), each.name) for each in HYPOTHESES]


@pytest.mark.parametrize("letter", ["A", "C", "I"])
@pytest.mark.parametrize(
    ("middle", "deviation", "word"),
    [
        (0.0, 0.0001, "equivalent"),
        (0.0003, 0.0001, "both"),
        (0.002, 0.0001, "differ"),
        (0.0, 0.008, "undecided"),
    ],
)
def test_a_verdict_on_accuracies_has_the_words_of_the_plan(
    letter: str, middle: float, deviation: float, word: str
) -> None:
    study = study_of(letter)
    sign = -1 if letter == "I" else 1  # bfloat16 is planned second, and compared first
    answer = answers(pairs_that_differ_by(study, middle, deviation))[
        {"A": "A", "C": "C1", "I": "I"}[letter]
    ]
    assert (answer["verdict"], answer["pairs"]) == (word, len(study.seeds))
    assert answer["difference"]["mean"] == pytest.approx(sign * middle, abs=1e-9)
    assert answer["low"] < answer["difference"]["mean"] < answer["high"]


@pytest.mark.parametrize(
    ("middle", "word"),
    [
        (-0.003, "confirmed"),
        (0.003, "confirmed the other way round"),
        (0.0, "not confirmed"),
    ],
)
def test_a_verdict_on_losses_says_in_which_direction(middle: float, word: str) -> None:
    answer = answers(pairs_that_differ_by(study_of("C"), middle, 0.002))["C2"]
    assert answer["verdict"] == word
    assert answer["difference"]["mean"] == pytest.approx(middle, abs=1e-9)
    assert "p" not in answer  # it is no test for equivalence


def test_of_an_incomplete_study_nothing_is_shown_but_the_number_of_its_pairs(
    tmp_path: Path,
) -> None:
    study = study_of("C")
    runs = pairs_that_differ_by(study, 0.0003, 0.0001, pairs=49)
    runs.append(planned_run(study, "keras", study.seeds[-1], [0.9876512]))
    sound = pairs_that_differ_by(study_of("A"), 0.0, 0.0001, pairs=70)
    sound = [run.with_changes(val_accuracy=(*run.val_accuracy[:-1], 0.99)) for run in sound]
    for file, preset in (("all", ()), ("one", ("--preset", "article-3-addendum"))):
        (tmp_path / file).mkdir()
        printed, written = analysed([*runs, *sound], tmp_path / file, *preset)
        assert "C1: PyTorch and Keras reach the same accuracy" in printed
        assert printed.count("incomplete: 49 of 50 pairs; not analysed") == 2
        assert ONE_OF_THEIRS not in printed.replace(".", "") + json.dumps(written)
        assert "article-3-addendum, validation" not in printed
        assert {each["preset"] for each in written["experiments"]} <= {"article-2"}


def test_a_study_that_was_given_up_is_analysed_with_its_complete_pairs(tmp_path: Path) -> None:
    study = study_of("C")
    runs = pairs_that_differ_by(study, 0.0003, 0.0001, pairs=20)
    runs.append(planned_run(study, "keras", study.seeds[-1], [0.5]))
    printed, written = analysed(runs, tmp_path, "--close", "C")
    assert "both, by 20 of 50 pairs" in printed
    assert "not confirmed, by" not in printed
    assert "torch minus keras: +0.030 points (95 % interval +0.025 to +0.035)" in printed
    (experiment,) = written["experiments"]
    assert {name: each["runs"] for name, each in experiment["contestants"].items()} == {
        "torch": 20,
        "keras": 20,
    }
    assert answers(runs[:2], "C")["C1"]["verdict"] is None  # no test is possible


def test_runs_on_another_device_belong_to_another_study() -> None:
    on_cpu = pairs_that_differ_by(study_of("A"), 0.0, 0.0001)
    on_cuda = [run.with_changes(device="cuda") for run in on_cpu]
    assert answers(on_cuda)["A"]["pairs"] == 0
    assert answers(on_cpu)["I"]["pairs"] == 0
    of_i = study_of("I")
    half = [planned_run(of_i, "torch", seed, [0.99], device="cpu") for seed in of_i.seeds]
    half += [planned_run(of_i, "torch-bfloat16", seed, [0.99]) for seed in of_i.seeds]
    assert answers(half)["I"]["pairs"] == 0


def test_runs_that_belong_to_no_hypothesis_are_always_shown() -> None:
    of_b, of_a = study_of("B"), study_of("A")
    free = planned_run(of_b, "torch", of_b.seeds[0], [0.8])
    earlier = planned_run(of_a, "torch", 3, [0.99])
    hidden = planned_run(of_a, "torch", of_a.seeds[0], [0.99])
    assert shown([free, earlier, hidden]) == [free, earlier]


@pytest.mark.parametrize("letters", ["D", "AZ"])
def test_only_a_study_of_a_hypothesis_can_be_closed(letters: str) -> None:
    for look in (shown, verdicts):
        with pytest.raises(UserError, match=f"accepted: letters of {LETTERS}"):
            look([], letters)


def test_the_training_losses_of_an_incomplete_study_are_not_shown() -> None:
    runs = pairs_that_differ_by(study_of("A"), 0.0, 0.0001)
    for pairs, contestants in ((70, ["keras", "torch"]), (69, [])):
        found = of_the_plan(runs[: 2 * pairs])["training_losses"]
        assert [each["contestant"] for each in found] == [*contestants, "torch-stock-rmsprop"]


def test_a_study_of_several_splits_is_no_experiment_for_each(tmp_path: Path) -> None:
    runs = [
        planned_run(study, "torch", seed, [0.99, 0.991], [0.03, 0.031])
        for study in studies_of("D")
        for seed in study.seeds
    ]
    printed, written = analysed(runs, tmp_path)
    assert written["experiments"] == []
    assert "20 of 20 runs" in printed
    assert "split 4" not in printed
    options = ("--results", tmp_path / "some.jsonl", "--plot", tmp_path / "some.png")
    refused = run_script("accuracy_bands", "--analyse", *options)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "accepted: runs of a complete study" in refused.stderr


def test_the_analysis_without_a_file_has_the_earlier_runs_and_the_plan_s_verdicts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(Path(__file__).parents[1])
    done = run_script("accuracy_bands", "--analyse", "--preset", "article-2")
    assert done.returncode == 0, done.stderr
    earlier, _, plan = done.stdout.partition("Hypotheses of results/PLAN.md")
    assert "torch minus keras, 37 pairs: -0.037 points" in earlier
    assert "equivalent, by 70 of 70 pairs" in plan


def test_a_run_that_diverged_counts_and_takes_its_pair_out(tmp_path: Path) -> None:
    runs = pairs_that_differ_by(study_of("A"), 0.0, 0.001)
    first = runs[0]
    nothing = dict.fromkeys(METRICS, first.val_accuracy[:1])
    diverged = [first.with_changes(**nothing, diverged=2), *runs[1:]]
    printed, written = analysed(diverged, tmp_path)
    assert f"left out: seed {first.seed}" in printed
    found = answers(diverged)["A"]
    assert (found["pairs"], found["difference"]["size"]) == (70, 69)
    assert found["verdict"] is not None
    assert len(written["plan"]["hypotheses"]) == 4
    with pytest.raises(UserError, match="epochs and seed must be those of the experiment"):
        first.with_changes(diverged=2)
