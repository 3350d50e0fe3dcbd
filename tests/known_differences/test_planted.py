"""Every entry of the catalogue is named where it is planted, and never where it is not."""

import csv
from typing import Any

import pytest

from parity_ladder.known_differences import CATALOGUE
from tests.documents import ROOT
from tests.known_differences.all_planted import NO_NUMBER, PLANTED
from tests.known_differences.planting import Planted, climbed

with (ROOT / "results" / "known_differences.csv").open(newline="") as file:
    SIZES = list(csv.DictReader(file))
ROUNDING = 0.051  # the file has two digits


@pytest.mark.parametrize(
    ("planted", "size"),
    list(zip(PLANTED, SIZES, strict=True)),
    ids=lambda each: each.entry if isinstance(each, Planted) else "",
)
def test_a_planted_difference_is_found_by_name_rung_and_size(
    planted: Planted, size: dict[str, str]
) -> None:
    result = climbed(planted, faulty=True)
    failed = [rung.rung for rung in result.rungs if rung.passed is False]
    assert failed == [CATALOGUE[planted.entry].rung], str(result)
    assert [cause.name for cause in result.causes] == [planted.entry], str(result)

    assert (size["known difference"], size["rung"]) == (planted.entry, failed[0])
    (worst,) = (rung.worst for rung in result.rungs if rung.passed is False)
    if worst is None:
        assert size["relative"] == NO_NUMBER
    else:
        assert worst == pytest.approx(float(size["relative"]), rel=ROUNDING, abs=1e-10)


def sound() -> list[Any]:
    """All planted differences; three of four wait for `-m slow`, since a climb takes a second."""
    return [
        pytest.param(planted, id=planted.entry, marks=[pytest.mark.slow] if place % 4 else [])
        for place, planted in enumerate(PLANTED)
    ]


@pytest.mark.parametrize("planted", sound())
def test_the_sound_port_holds(planted: Planted) -> None:
    result = climbed(planted, faulty=False)
    assert result.holds, str(result)
    assert not result.causes


def test_every_entry_is_planted() -> None:
    assert {planted.entry for planted in PLANTED} == CATALOGUE.keys()
