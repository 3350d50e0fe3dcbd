"""`scripts/many_runs.py` as a person runs it."""

import csv
from pathlib import Path

import pytest

from cnn_experiment import UserError
from measurements import child_processes
from measurements import many_runs as measured
from measurements.recipe import Recipe
from tests.running_scripts import run_in_a_process, run_script


@pytest.mark.slow
def test_a_short_measurement_writes_a_row_for_each_number_of_jobs(tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    few = ["--train-images", "640", "--runs", "2", "--rounds", "1", "--contestants", "torch"]
    run = run_in_a_process("many_runs", *few, "--jobs", "1,2", "--out", file)
    assert run.returncode == 0, run.stderr
    with file.open(newline="") as opened:
        one, two = csv.DictReader(opened)
    assert (one["jobs"], one["times_one_job"], two["jobs"]) == ("1", "1.0", "2")
    assert float(two["runs_an_hour"]) > 0
    assert int(one["threads"]) >= int(two["threads"]) >= 1
    assert len(run.stdout.splitlines()) == 4


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--jobs", "2,4"], "jobs = '2,4': accepted: 1 and then other numbers, as 1,2,4"),
        (["--runs", "0"], "runs = 0: accepted: 1 or more"),
        (["--contestants", "jax"], "contestants = 'jax': accepted: "),
        (["--preset", "article-9"], "preset = 'article-9': accepted: "),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_trained(
    options: list[str], sentence: str
) -> None:
    run = run_script("many_runs", *options)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (1, "", 1)
    assert run.stderr.startswith(f"error: {sentence}")


def test_a_run_that_failed_is_not_taken_for_a_fast_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "train_missing", lambda *_, **__: False)
    with pytest.raises(UserError, match="jobs = 2: a run has failed; accepted: runs that all fin"):
        measured.many_runs(Recipe("article-2", 1), ["torch"], [1, 2], runs=1, rounds=1)


def test_jobs_are_a_number_or_one_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_processes, "cpu_count", lambda: 3)
    assert (child_processes.jobs_of("auto"), child_processes.jobs_of("5")) == (3, 5)
    for text in ("0", "-1", "many", "1.5", ""):
        with pytest.raises(UserError, match=f"jobs = {text}: accepted: 1 or more, or auto"):
            child_processes.jobs_of(text)
