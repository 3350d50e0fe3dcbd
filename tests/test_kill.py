"""Trainings that are really killed; `scripts/kill_test.py` alone does it hundreds of times."""

import json
from pathlib import Path

import pytest

from tests.running_scripts import run_in_a_process


@pytest.mark.parametrize(
    ("backend", "runs"), [("torch", 4), pytest.param("keras", 2, marks=pytest.mark.slow)]
)
def test_a_killed_run_loses_nothing(backend: str, runs: int, tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    places = ("--results", tmp_path / "runs.jsonl", "--out", out)
    options = ("--backend", backend, "--runs", str(runs), *places)
    run = run_in_a_process("kill_test", *options)
    assert run.returncode == 0, run.stdout + run.stderr
    result = json.loads(out.read_bytes())
    assert result["wrong"] == []
    assert result["kills"] >= 2 * runs  # in every run two within one epoch
    assert result["kills"] == result["kills in a step"] + result["kills in a save"]


def test_a_place_that_cannot_be_is_refused_before_anything_is_trained() -> None:
    out = Path(__file__) / "below.json"
    run = run_in_a_process("kill_test", "--results", out, "--out", out, timeout=20)
    sentence = f"error: out = {out}: accepted: a file in a folder that exists\n"
    assert (run.returncode, run.stdout, run.stderr) == (1, "", sentence)
