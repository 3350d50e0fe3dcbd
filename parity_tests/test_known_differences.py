"""The suite is tested by planted faults: each is rejected on its rung, and named as the cause."""

import csv

import pytest

from parity_tests.diagnosis import causes
from parity_tests.evidence import Forced, teacher_forced
from parity_tests.keras_implementation import KerasReference
from parity_tests.known_differences import CATALOGUE
from parity_tests.ladder import Ladder
from parity_tests.results import results_folder
from parity_tests.small import small_experiment
from parity_tests.torch_implementation import TorchPort


@pytest.fixture(scope="module")
def reference() -> KerasReference:
    return KerasReference(small_experiment())


@pytest.fixture(scope="module")
def forced(reference: KerasReference) -> list[Forced]:
    return list(teacher_forced(reference))


def test_the_catalogue_is_long_and_documented() -> None:
    assert len(CATALOGUE) >= 30
    for entry in CATALOGUE.values():
        assert entry.sentence().endswith(".")
        assert "\n" not in entry.sentence()
        assert entry.source


def test_the_published_table_is_of_this_catalogue() -> None:
    with (results_folder() / "planted_faults.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["fault"] for row in rows] == ["none", *CATALOGUE]
    assert (rows[0]["rung"], rows[0]["cause"]) == ("", "")
    for row in rows[1:]:
        assert row["rung"] == CATALOGUE[row["fault"]].rung
        assert row["cause"] == row["fault"]


def test_the_sound_port_is_rejected_by_none(
    reference: KerasReference, forced: list[Forced], device: str
) -> None:
    ladder = Ladder(TorchPort(reference.experiment, device), reference)
    assert ladder.climb(forced) is None


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_planted_fault_is_found_on_its_rung_and_named(
    name: str, reference: KerasReference, forced: list[Forced], device: str
) -> None:
    port = CATALOGUE[name](reference.experiment, device)
    found = Ladder(port, reference).climb(forced)
    assert found is not None
    assert found.rung == CATALOGUE[name].rung
    assert causes(found, port, forced) == [name]
