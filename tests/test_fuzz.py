"""Some damaged files; `scripts/fuzz_files.py` alone opens ten thousand."""

import json
from pathlib import Path

from tests.running_scripts import run_in_a_process


def test_damaged_files_load_whole_or_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    run = run_in_a_process("fuzz_files", "--files", "165", "--seed", "1", "--out", out)
    assert run.returncode == 0, run.stdout + run.stderr
    result = json.loads(out.read_bytes())
    assert result["failures"] == []
    assert sum(result["outcomes"].values()) == 165
    refused = [word for word in result["outcomes"] if word.endswith(": refused")]
    assert len(refused) == 11  # of every kind of file


def test_a_place_that_cannot_be_is_refused_before_anything_is_damaged() -> None:
    out = Path(__file__) / "below.json"
    run = run_in_a_process("fuzz_files", "--out", out, timeout=20)
    sentence = f"error: out = {out}: accepted: a file in a folder that exists\n"
    assert (run.returncode, run.stdout, run.stderr) == (1, "", sentence)
