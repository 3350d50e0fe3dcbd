"""The suite is tested by planted faults: each is rejected on its rung, and named as the cause."""

import csv

import pytest

from cnn_experiment import RMSprop
from parity_ladder import RUNGS
from parity_tests.climbing import climb_experiment
from parity_tests.keras_side import KerasReference
from parity_tests.known_differences import CATALOGUE, PlantedFaults
from parity_tests.results import results_folder
from parity_tests.small import small_experiment
from parity_tests.torch_side import TorchPort


@pytest.fixture(scope="module")
def reference() -> KerasReference:
    return KerasReference(small_experiment())


def test_the_catalogue_is_long_and_documented() -> None:
    assert len(CATALOGUE) >= 41
    for entry in CATALOGUE.values():
        assert entry.sentence.endswith(".")
        assert "\n" not in entry.sentence
        assert entry.source
        assert entry.rung in [rung.name for rung in RUNGS]


def test_the_published_table_is_of_this_catalogue() -> None:
    with (results_folder() / "planted_faults.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["fault"] for row in rows] == ["none", *CATALOGUE]
    assert (rows[0]["rung"], rows[0]["cause"]) == ("", "")
    for row in rows[1:]:
        assert row["rung"] == CATALOGUE[row["fault"]].rung
        assert row["cause"] == row["fault"]


def test_the_sound_port_is_rejected_by_none(reference: KerasReference, device: str) -> None:
    result = climb_experiment(TorchPort(reference.experiment, device), reference)
    assert result.holds, result.verdict
    assert result.not_judged == ()


@pytest.mark.parametrize("name", ["epsilon on the other side of the root", "rho 0.99"])
def test_a_planted_fault_in_the_rmsprop_of_keras_2_is_named(name: str, device: str) -> None:
    experiment = small_experiment(3).with_changes(optimizer=RMSprop(epsilon_outside=True))
    known = PlantedFaults(experiment, device)
    port = CATALOGUE[name].port(experiment, device)
    result = climb_experiment(port, KerasReference(experiment), known)
    assert [cause.name for cause in result.causes] == [name]


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_planted_fault_is_found_on_its_rung_and_named(
    name: str, reference: KerasReference, device: str
) -> None:
    port = CATALOGUE[name].port(reference.experiment, device)
    result = climb_experiment(port, reference, PlantedFaults(reference.experiment, device))
    assert [rung.rung for rung in result.rungs if rung.passed is False] == [CATALOGUE[name].rung]
    assert [cause.name for cause in result.causes] == [name]
    leaves = result.causes[0].leaves
    if name == "pooling with ceil mode":  # the network that it makes takes no such state
        assert leaves is not None
        assert leaves.startswith("the port's step raises RuntimeError: ")
    else:
        assert leaves is None
