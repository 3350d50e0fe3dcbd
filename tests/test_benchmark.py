"""`scripts/benchmark.py` as a person runs it, and the count of operations it reports."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from cnn_experiment import UserError, preset
from measurements.peers import PEERS, contestants, multiplications
from tests.running_scripts import Run, run_in_a_process, run_script


def benchmark(*options: str | Path) -> Run:
    return run_script("benchmark", *options)


@pytest.mark.slow
def test_a_short_run_writes_ratios_table_and_picture(tmp_path: Path) -> None:
    file, picture = tmp_path / "result.json", tmp_path / "result.png"
    peers = [name for name, peer in PEERS.items() if all(map(find_spec, peer.needs))]
    assert {"keras", "dataloader", "torchvision", "keras-torch"} <= set(peers)
    short = ["--preset", "article-2", "--steps", "4", "--rounds", "2", "--peers", ",".join(peers)]
    run = run_in_a_process("benchmark", *short, "--json", file, "--plot", picture)
    assert run.returncode == 0, run.stderr
    result = json.loads(file.read_bytes())
    assert list(result["ratios"]) == ["float32", "bfloat16"]
    for ratios in result["ratios"].values():
        assert set(peers) <= set(ratios)
        for found in ratios.values():
            assert 0 < found["low"] <= found["median"] <= found["high"]
    names = {"float32", "bfloat16", "control", *peers}
    assert set(result["contestants"]) == names
    # All of them train: 17 steps from a loss of ln 10.
    assert all(0 < row["loss"] < 2.3 for row in result["contestants"].values())
    lines = run.stdout.splitlines()
    assert {line.split()[0] for line in lines[1 : 1 + len(names)]} == names
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("names", ["gremlins", "keras,keras"])
def test_peers_that_are_none_are_refused(names: str) -> None:
    run = benchmark("--peers", names)
    assert run.returncode == 1
    assert run.stderr.strip() == (
        f"error: peers = {names!r}: accepted: {', '.join(PEERS)}, each once"
    )


def test_a_preset_that_the_peers_do_not_know_is_refused() -> None:
    run = benchmark("--preset", "mlp")
    assert run.returncode == 1
    assert run.stderr.startswith("error: preset = 'mlp': accepted: presets with rmsprop, ")


def test_a_peer_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contestants, "find_spec", lambda name: None)  # noqa: ARG005
    with pytest.raises(UserError, match=r"'lightning': torch is not installed here; pip install"):
        contestants.must_be_peers(["lightning"])


def test_operations_are_those_of_the_cropped_network() -> None:
    """Counted by hand: 26x26 pixels reach the output."""
    first, second = 24 * 24 * 32 * 9, 10 * 10 * 64 * 9 * 32
    third, dense = 3 * 3 * 128 * 9 * 64, 1152 * 120 + 120 * 10
    by_hand = 2 * first + 3 * (second + third + dense)
    assert multiplications(preset("article-3-addendum")) == by_hand


@pytest.mark.parametrize(
    ("script", "option"),
    [
        ("benchmark", "--json"),
        ("benchmark", "--plot"),
        ("mlp_study", "--out"),
        ("mlp_study", "--plot"),
        ("cost_growth", "--out"),
        ("cost_growth", "--plot"),
    ],
)
def test_a_place_that_cannot_be_is_refused_before_anything_is_measured(
    script: str, option: str
) -> None:
    place = Path(__file__) / "below.png"
    run = run_in_a_process(script, option, place, timeout=20)
    sentence = f"{option[2:]} = {place}: accepted: a file in a folder that exists"
    assert (run.returncode, run.stdout, run.stderr) == (1, "", f"error: {sentence}\n")
