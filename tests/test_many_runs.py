"""`scripts/many_runs.py` as a person runs it."""

import csv
from pathlib import Path

import pytest

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
