# ruff: noqa: D102 - the methods are described in `parity_ladder.Side`
"""The ladder on its own: what it finds in ports with one mistake, and its result as a value."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity_ladder import (
    RUNGS,
    LadderError,
    Result,
    Side,
    State,
    Step,
    climb,
)
from tests.toy_mistakes import (
    MISTAKES,
    Dampened,
    Drifts,
    Entry,
    HalfGradient,
    HalfPenalty,
    RaisesInItsStep,
    RestartedRate,
    Toys,
)
from tests.toy_regression import (
    Batch,
    Regression,
    ShowsAsLittleAsPossible,
    ShowsOnly,
    batches,
    climbed,
    failed,
)

NAMES = [rung.name for rung in RUNGS if not rung.optional]


def test_a_sound_port_holds_on_every_rung() -> None:
    told: list[str] = []
    result = climbed(Regression(), on_rung=lambda rung: told.append(rung.rung))
    assert result.holds
    assert [rung.rung for rung in result.rungs if rung.passed] == NAMES == told
    assert result.verdict == "every rung holds"
    assert str(result).count("holds") == len(NAMES) + 1
    assert result.free_running is not None
    assert result.free_running.steps == (1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize("port", MISTAKES, ids=lambda port: port.__name__)
def test_each_mistake_fails_on_its_rung_and_is_named(port: type[Regression]) -> None:
    result = climbed(port(), known=Toys())
    assert not result.holds
    assert failed(result) == [MISTAKES[port]]
    assert (
        str(result).splitlines()[NAMES.index(MISTAKES[port])].split("worst")[0].endswith("FAILS  ")
    )
    causes = [cause.name for cause in result.causes]
    assert causes == ([] if port is Drifts else [port.__name__])
    assert all(cause.leaves is None for cause in result.causes)


def test_two_mistakes_are_named_one_after_the_other() -> None:
    first, second = climbed(Toys().port_with(["HalfPenalty", "Dampened"]), known=Toys()).causes
    assert (first.name, second.name) == ("HalfPenalty", "Dampened")
    assert first.leaves is not None
    assert first.leaves.startswith("optimizer state, step 0: ")
    assert second.leaves is None
    assert str(second) == "cause: Dampened. The momentum is dampened."


def test_a_step_of_the_next_epoch_alone_shows_a_schedule_that_starts_again() -> None:
    result = climbed(RestartedRate())
    assert result.first_difference is not None
    assert result.first_difference.startswith("learning rate, step 6: ")
    assert climbed(RestartedRate(), next_epoch=()).holds


def test_a_hidden_value_is_no_reason_to_name_a_cause() -> None:
    hides = ShowsOnly(lambda s: s if s.state.iteration == 1 else replace(s, penalty=None))
    result = climbed(hides, known=Toys())
    assert failed(result) == ["penalty"]
    assert result.explanation == "no known difference explains it"


def test_a_known_difference_that_hides_the_value_is_not_named() -> None:
    class Hides(Regression):
        """The penalty is not shown."""

        def step(self, state: State, batch: Batch) -> Step:
            return replace(super().step(state, batch), penalty=None)

    known = Toys()
    known.classes["Hides"] = Hides
    known.entries = {"Hides": Entry("penalty", "It hides the penalty."), **known.entries}
    (cause,) = climbed(HalfPenalty(), known=known).causes
    assert cause.name == "HalfPenalty"


def test_a_port_that_raises_after_the_first_difference_is_still_explained() -> None:
    class RaisesLater(HalfGradient):
        def step(self, state: State, batch: Batch) -> Step:
            if state.iteration > 0:
                raise RuntimeError("only one step")
            return super().step(state, batch)

    (cause,) = climbed(RaisesLater(), known=Toys()).causes
    assert cause.name == "HalfGradient"
    assert cause.leaves == "the port's step raises RuntimeError: only one step"


def test_what_a_port_raises_in_its_step_is_raised_by_the_climb() -> None:
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        climbed(RaisesInItsStep())


# What cannot be compared


class StartsWith(Regression):
    """A reference with other initial weights."""

    def __init__(self, **weights: Any) -> None:
        self.weights = weights

    def initial_state(self) -> State | None:
        return State(self.weights, {})


class ShowsNoShapes(Regression):
    """A side without the one thing that it has to show besides its step."""

    def variable_shapes(self) -> Any:
        return None


class ReturnsNothing(Regression):
    """A side whose `step` has no return statement."""

    def step(self, state: State, batch: Batch) -> Any:  # noqa: ARG002
        return None


@pytest.mark.parametrize(
    ("reference", "options", "says"),
    [
        (Regression(), {"batches": []}, "batches: there are none; accepted: one or more"),
        (Regression(), {"twins": 1}, "twins = 1: accepted: 2 or more"),
        (Regression(), {"batches": 3}, "batches are of type int; accepted"),
        (Regression(), {"batches": np.zeros((2, 3))}, "batches are of type ndarray; accepted: a"),
        (Regression(), {"known": {}}, "known is of type dict; accepted: a Catalogue"),
        (
            ShowsNoShapes(),
            {},
            "variable_shapes() of the reference returned None; accepted: a shape",
        ),
        (ReturnsNothing(), {}, "step() of ReturnsNothing returned NoneType; accepted: a Step"),
        ("Keras", {}, "reference is of type str; accepted: a Side"),
        (
            ShowsAsLittleAsPossible(),
            {},
            "the reference has no initial_state(); accepted: a side that shows it",
        ),
        (
            StartsWith(),
            {},
            "initial weights: there are none; accepted: weights in float64 or float32",
        ),
        (
            StartsWith(kernel=np.ones(3, np.float16)),
            {},
            "initial weights: they are in float16; accepted: weights in float64 or float32",
        ),
        (StartsWith(n=np.ones(3, int)), {}, "initial weights: there are none; accepted: weights"),
        (StartsWith(kernel=[1.0]), {}, "initial weights: kernel is a list; accepted: NumPy arrays"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(
    reference: Side[Batch], options: dict[str, Any], says: str
) -> None:
    with pytest.raises(LadderError, match=re.escape(says)):
        climb(Regression(), reference, **({"batches": batches()} | options))


def test_a_side_is_not_compared_with_itself() -> None:
    side = Regression()
    with pytest.raises(LadderError, match="one object, which always agrees with itself"):
        climb(side, side, batches())


# The result as a value


def test_json_reads_back_as_the_same_result(tmp_path: Path) -> None:
    result = climbed(Dampened(), known=Toys())
    result.write_json(tmp_path / "proof.json")
    assert Result.model_validate_json((tmp_path / "proof.json").read_text()) == result
    assert [file.name for file in tmp_path.iterdir()] == ["proof.json"]


def test_the_page_says_what_failed_and_why(tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    climbed(Dampened(), known=Toys()).write_page(tmp_path / "proof.html", title="Toys")
    page = (tmp_path / "proof.html").read_text()
    for text in ("<h1>Toys</h1>", "First difference: optimizer state", "The momentum is dampened."):
        assert text in page
    climbed(ShowsAsLittleAsPossible()).write_page(tmp_path / "proof.html")
    page = (tmp_path / "proof.html").read_text()
    assert "Not judged: data, because the port does not show it." in page


def test_a_file_is_written_completely_or_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = climbed(Regression())
    file = tmp_path / "proof.json"
    file.write_text("old")

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        result.write_json(file)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["old"]


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    result = climbed(Regression())
    with pytest.raises(LadderError, match="it is a folder; accepted: a file, new or old"):
        result.write_json(tmp_path)
    with pytest.raises(LadderError, match=r"there is no folder .*missing to write it into"):
        result.write_json(tmp_path / "missing" / "proof.json")


def test_progress_can_be_turned_off_and_on(capsys: pytest.CaptureFixture[str]) -> None:
    climbed(Dampened(), known=Toys(), show_progress=False)
    assert capsys.readouterr() == ("", "")
    climbed(Dampened(), known=Toys(), show_progress=True)
    assert "causes tried" in capsys.readouterr().err


def test_batches_may_come_from_a_generator_and_only_some_are_taken() -> None:
    result = climb(Regression(), Regression(), (batch for batch in batches()), steps=2)
    assert result.free_running is not None
    assert result.free_running.steps == (1, 2)
    with pytest.raises(LadderError, match="steps = 0: accepted: a whole number, 1"):
        climb(Regression(), Regression(), batches(), steps=0)
