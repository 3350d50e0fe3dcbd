"""How the time of training grows: `scripts/cost_growth.py` and what it measures."""

import numpy as np
import pytest

from measurements import growth
from measurements.contest import Contest, contest
from measurements.growth import Growth
from measurements.peers.process import Entry
from measurements.ratio_pictures import of_growth, picture


def row(setting: str, value: int) -> Growth:
    return {
        "setting": setting,
        "value": value,
        "ours": 1.0,
        "keras": 1.5,
        "keras_over_ours": 1.5,
        "low": 1.4,
        "high": 1.6,
    }


@pytest.mark.slow
def test_each_setting_is_measured_for_both_beside_the_usual_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(growth, "BATCH_SIZES", (32,))
    monkeypatch.setattr(growth, "FILTERS", (2,))
    monkeypatch.setattr(growth, "IMAGES", (640,))
    monkeypatch.setattr(growth, "IMAGES_IN_A_TURN", 256)
    monkeypatch.setattr(growth, "cores", lambda: 1)
    compared: list[dict[str, Entry]] = []

    def heard(entries: dict[str, Entry], rounds: int) -> Contest:
        compared.append(entries)
        return contest(entries, rounds)

    monkeypatch.setattr(growth, "contest", heard)
    rows = list(growth.growth(1))
    assert [(row["setting"], row["value"]) for row in rows] == [
        ("batch size", 32),
        ("filters, times the article's", 2),
        ("threads", 1),
        ("images of an epoch", 640),
    ]
    for found in rows:
        assert 0 < found["low"] <= found["keras_over_ours"] <= found["high"]
        assert found["keras_over_ours"] == pytest.approx(found["keras"] / found["ours"], rel=0.01)

    of_batches, of_filters, *_ = compared
    assert [entry.experiment.batch_size for entry in of_batches.values()] == [64, 32, 32]
    assert [entry.steps for entry in of_batches.values()] == [4, 8, 8]
    widths = [
        [each.filters for each in entry.experiment.network.convolutions]
        for entry in of_filters.values()
    ]
    assert widths == [[32, 64, 128], [64, 128, 256], [64, 128, 256]]


def test_the_picture_has_a_panel_for_each_setting() -> None:
    rows = [row("batch size", 16), row("batch size", 64), row("threads", 1)]
    figure = of_growth(rows)
    assert [axes.get_xlabel() for axes in figure.axes] == ["batch size", "threads"]
    for line in figure.axes[0].get_lines():
        assert np.array_equal(line.get_xdata(), [16, 64])
    assert len(figure.axes[0].get_lines()) == 2
    assert picture(figure, ".png").startswith(b"\x89PNG")
