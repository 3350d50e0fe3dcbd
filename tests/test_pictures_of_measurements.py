"""The profile of the step, and the picture of the ladder."""

import pytest

from cnn_experiment import preset
from measurements.ladder_picture import of_ladder
from measurements.step_profile import step_profile
from parity_ladder import Cause, Result, RungResult
from tests.running_scripts import settings_of_torch_as_they_were


def test_every_part_of_the_step_is_found_by_its_name() -> None:
    """If PyTorch names an operation otherwise, its part would be 0."""
    experiment = preset("article-3-addendum")
    data = experiment.data.with_changes(train_images=300, test_images=1)
    with settings_of_torch_as_they_were():
        rows = step_profile(experiment.with_changes(data=data), 3)
    *parts, whole = rows
    # "all else" is what three steps by the clock took less the parts of three others; where the
    # second three were disturbed by other work, it can be below 0.
    *named, _ = parts
    assert [row["part"] for row in (*named, whole) if row["ms_a_step"] <= 0] == []
    assert sum(row["share"] for row in parts) == pytest.approx(1, abs=0.0006 * len(parts))
    assert whole["share"] == 1


def rung(name: str, *, passed: bool, worst: float) -> RungResult:
    return RungResult(rung=name, passed=passed, worst=worst, tolerance=1e-11, where="")


def test_the_red_rung_has_its_cause() -> None:
    rungs = (rung("loss", passed=True, worst=0.0), rung("gradients", passed=False, worst=0.5))
    cause = Cause(name="a mistake", sentence="The port has a mistake. Mend it.")
    result = Result(
        dtype="float64", rungs=rungs, first_difference="gradients part", causes=(cause,),
        loss_max_difference=None, weight_max_difference=None,
    )  # fmt: skip
    (axes,) = of_ladder(result).axes
    texts = [text.get_text() for text in axes.texts]
    assert {"loss", "holds", "gradients", "FAILS, 5e-01 apart"} <= set(texts)
    assert "cause: a mistake\nThe port has a mistake." in texts
