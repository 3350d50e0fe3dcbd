"""`results/PLAN.md` and the runs that `scripts/planned_runs.py` trains are the same."""

import math
import re
from pathlib import Path

import pytest
import torch

from cnn_experiment import Evaluation, UserError
from measurements.accuracy.analysis import analysis
from measurements.accuracy.bands import FILE as EARLIER
from measurements.accuracy.equivalence import mean_of, paired_differences, power
from measurements.accuracy.job import Job, Places, train
from measurements.accuracy.plan import STUDIES, Study, studies_of, train_in_order
from measurements.accuracy.runs import DEVICES, AccuracyRun, read_runs
from measurements.accuracy.study import train_missing, trained_by
from measurements.cluster import Workers
from measurements.json_lines import read_lines
from measurements.recipe import Recipe
from tests.pretend_cuda import pretending_cuda
from tests.running_scripts import kept_as_it_was, run_script
from tests.test_accuracy_bands import NEW_SEED

RESULTS = Path(__file__).parents[1] / "results"
PLAN = (RESULTS / "PLAN.md").read_text()


def numbers(seeds: range) -> str:
    return f"{seeds[0]} to {seeds[-1]}"


def splits_of(studies: tuple[Study, ...]) -> str:
    one, other = (study.recipe.split_seed for study in (studies[0], studies[-1]))
    if one is not None and other is not None:
        return numbers(range(one, other + 1))
    pooled = studies[0].recipe.experiment.data.protocol == "pooled"
    return "by the seed" if pooled else "MNIST's own"


def rows() -> list[list[str]]:
    """Letter, preset and momentum, epochs, contestants, seeds, splits and runs of each study."""
    found = []
    for letter in dict.fromkeys(study.letter for study in STUDIES):
        studies = studies_of(letter)
        recipe, contestants = studies[0].recipe, studies[0].contestants
        found.append(
            [
                letter,
                recipe._replace(split_seed=None).name,
                str(recipe.experiment.epochs),
                ", ".join(contestants),
                numbers(range(studies[0].seeds[0], studies[-1].seeds[-1] + 1)),
                splits_of(studies),
                str(sum(len(study.seeds) * len(contestants) for study in studies)),
            ]
        )
    return found


def test_the_table_of_the_plan_says_what_is_trained() -> None:
    runs, _, _ = PLAN.partition("## Hypotheses")
    lines = re.findall(r"^\| ([A-Z]) \|(.*)\|$", runs, re.MULTILINE)
    table = [[letter, *(cell.strip(" `") for cell in rest.split("|"))] for letter, rest in lines]
    assert [row[:7] for row in table] == rows()


def test_every_seed_is_fresh() -> None:
    used = {run.seed for run in read_runs(RESULTS / EARLIER)} | {NEW_SEED}
    splits = {study.recipe.split_seed for study in STUDIES}
    planned = {seed for study in STUDIES for seed in study.seeds}
    assert not used & (planned | splits)
    assert not planned & splits


@pytest.mark.parametrize(
    ("letter", "ours", "theirs"),
    [("A", "torch", "keras"), ("C", "torch", "keras"), ("I", "torch-bfloat16", "torch")],
)
def test_equal_contestants_would_pass_with_at_least_90_percent(
    letter: str, ours: str, theirs: str
) -> None:
    (study,) = studies_of(letter)
    last = [
        {
            run.seed: run.val_accuracy[-1]
            for run in read_runs(RESULTS / EARLIER)
            if run.contestant == name
            and (run.preset, run.epochs) == (study.recipe.name, study.recipe.experiment.epochs)
        }
        for name in (ours, theirs)
    ]
    deviation = mean_of(paired_differences(*last)).deviation
    assert power(len(study.seeds), deviation) >= 0.9


def test_missing_runs_are_trained_in_order_with_one_thread(tmp_path: Path) -> None:
    places = Places(tmp_path / "some.jsonl", tmp_path / "runs")
    small = Recipe("mlp", epochs=1, train_images=1000)
    pooled = Recipe("article-2", epochs=1, train_images=64, split_seed=7)
    one = Study("A", small, ("torch",), range(5, 7))
    with kept_as_it_was():
        assert train_in_order([one], places)
        assert train_in_order([Study("B", pooled, ("torch",), range(2, 3)), one], places)
    runs = read_lines(places.results, AccuracyRun)
    assert [(run.preset, run.seed, run.threads) for run in runs] == [
        ("mlp, 1000 images", 5, 1),
        ("mlp, 1000 images", 6, 1),
        ("article-2, 64 images, split 7", 2, 1),
    ]


def test_studies_are_chosen_by_letter_in_the_order_of_the_plan() -> None:
    assert [study.letter for study in studies_of("CA")] == ["A", "C"]
    for wrong in ("", "AZ"):
        with pytest.raises(UserError, match="accepted: one or more of ABCDEFGHI"):
            studies_of(wrong)
    refused = run_script("planned_runs", "--studies", "Z")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)


def test_the_device_of_a_job_is_where_it_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = Places(tmp_path / "some.jsonl", tmp_path / "runs")
    small = Recipe("mlp", epochs=1, train_images=1000)
    jobs = [Job(small, "torch", 3, places, device) for device in DEVICES]
    assert jobs[0].folder != jobs[1].folder
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "a pretended one")
    with kept_as_it_was():
        runs = [train(jobs[0], 1).run]
        with pretending_cuda():
            runs.append(train(jobs[1], 1).run)
            monkeypatch.setattr("torch_cnn.training.pick_device", lambda _: torch.device("cpu"))
            with pytest.raises(UserError, match="device = cuda: it was trained on cpu"):
                train(jobs[1]._replace(seed=4), 1)
    assert [(run.device, run.gpu) for run in runs] == [("cpu", None), ("cuda", "a pretended one")]
    assert runs[0].loss == pytest.approx(runs[1].loss, rel=1e-5)


def test_a_planted_optimizer_is_taken_back_after_its_run(tmp_path: Path) -> None:
    job = Job(Recipe("mlp", epochs=2, train_images=1000), "torch", 3, Places(tmp_path, tmp_path))
    again = job._replace(places=Places(tmp_path, tmp_path / "again"))
    with kept_as_it_was():
        before = train(job, 1).run
        planted = train(job._replace(contestant="torch-stock-rmsprop"), 1).run
        after = train(again, 1).run
    assert before == after
    assert before.loss != planted.loss


def test_studies_for_a_device_that_is_not_here_are_left_out_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = Places(tmp_path / "some.jsonl", tmp_path / "runs")
    small = Recipe("mlp", epochs=1, train_images=1000)
    here = Study("A", small, ("torch",), range(5, 6))
    with kept_as_it_was():
        assert not train_in_order([here._replace(letter="I", device="cuda"), here], places)
        assert train_in_order([here], places)
    assert "I: left out, since there is no CUDA device here" in capsys.readouterr().err
    assert [run.device for run in read_runs(places.results)] == ["cpu"]


def test_a_run_that_diverges_is_a_line_and_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    places = Places(tmp_path / "some.jsonl", tmp_path / "runs")
    job = Job(Recipe("mlp", epochs=3, train_images=1000), "torch", 3, places)
    results = [Evaluation(loss=1.0, accuracy=0.5), Evaluation(loss=math.nan, accuracy=0.1)]
    monkeypatch.setattr("torch_cnn.training.evaluate_by", lambda *_: results.pop(0))
    with kept_as_it_was():
        ended = list(trained_by(Workers(), [job], 1))
        assert train_missing([job], Workers())
    assert ended == [(job, False)]
    assert "the validation loss is nan" in capsys.readouterr().err
    (run,) = read_runs(places.results)
    assert (run.diverged, run.val_loss, run.identity) == (2, (1.0,), job.identity)
    assert analysis([run]) == []
