"""`scripts/parity.py` as a person runs it: exit status, sentence and parity.json."""

import json
from pathlib import Path

import pytest

from parity_ladder import RUNGS
from tests.running_scripts import Run, run_script


def parity(*options: str | Path) -> Run:
    return run_script("parity", *options)


def test_the_sound_port_exits_with_0_and_every_rung_in_the_report(tmp_path: Path) -> None:
    options = ("--preset", "article-2", "--steps", "3", "--out", tmp_path, "--report")
    run = parity(*options)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "every rung holds: 3 steps in float64"
    report = json.loads((tmp_path / "parity.json").read_bytes())
    assert (report["preset"], report["dtype"], report["steps"]) == ("article-2", "float64", 3)
    assert [rung["rung"] for rung in report["rungs"]] == [
        rung.name for rung in RUNGS if not rung.optional
    ]
    assert all(rung["passed"] for rung in report["rungs"])
    assert report["loss_max_difference"] < 1e-12
    assert report["weight_max_difference"] < 1e-11
    assert report["first_difference"] is None
    assert report["cause"] is None
    free = report["free_running"]
    assert free["steps"] == [1, 2, 3]
    for name in ("loss", "weight"):
        assert max(free[name]) == report[f"{name}_max_difference"]
        assert free[f"{name}_tolerance"] < 1e-12  # some times what a twin of Keras parts by
    page = (tmp_path / "report.html").read_text()
    assert "Every rung holds" in page
    assert str(tmp_path) not in page


def test_a_float32_climb_leaves_the_distances_of_its_twins(tmp_path: Path) -> None:
    options = ("--preset", "article-2", "--dtype", "float32", "--twins", "2", "--steps", "3")
    run = parity(*options, "--out", tmp_path, "--report")
    assert run.returncode == 0, run.stderr
    apart = json.loads((tmp_path / "parity.json").read_bytes())["twin_distances"]
    assert apart["steps"] == [1, 2, 3]
    for group in ("port", "reference", "across"):
        columns = [apart[group][name] for name in ("lowest", "mean", "highest")]
        assert all(0 < low < mean < high for low, mean, high in zip(*columns, strict=True))
    assert "Between PyTorch and Keras: " in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("mutant", ["rho 0.99", "pooling with ceil mode"])
def test_a_mutant_exits_with_1_and_the_cause(mutant: str, tmp_path: Path) -> None:
    run = parity("--mutant", mutant, "--steps", "3", "--out", tmp_path)
    assert run.returncode == 1
    assert f"cause: {mutant}. " in run.stdout.splitlines()[-1]
    report = json.loads((tmp_path / "parity.json").read_text(), parse_constant=pytest.fail)
    assert report["cause"] == mutant
    assert report["explanation"] == run.stdout.splitlines()[-1]
    assert report["first_difference"] in run.stdout
    assert [rung["passed"] for rung in report["rungs"]].count(False) == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--mutant", "gremlins"], "mutant = 'gremlins': accepted: sample variance, "),
        (["--report"], "report: it needs a folder; accepted: with --out DIR"),
        (["--steps", "0"], "steps = 0: accepted: 1 to 938, an epoch of all images"),
        (["--preset", "article-9"], "preset = 'article-9': accepted: article-2, "),
        (["--experiment", "/nowhere.json"], "/nowhere.json"),
    ],
)
def test_bad_input_ends_in_one_sentence(options: list[str], sentence: str) -> None:
    run = parity(*options)
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith("error: ")
    assert sentence in run.stderr.splitlines()[-1]
