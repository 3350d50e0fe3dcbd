# ruff: noqa: D102 - the methods are described in `parity_ladder.Side`
"""No rung holds if nothing is compared, if an array is compared with itself, or for NaN."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_ladder import (
    Arrays,
    Result,
    Shapes,
    Side,
    State,
    Step,
    climb,
)
from parity_ladder.twins import envelope, log_distances, run
from tests.toy_regression import (
    Batch,
    Regression,
    ShowsAsLittleAsPossible,
    ShowsOnly,
    batches,
    climbed,
    failed,
    outcome,
    with_weights,
)


def test_what_a_port_does_not_show_is_not_judged() -> None:
    result = climbed(ShowsAsLittleAsPossible())
    assert result.holds
    judged = ["parameter counts and shapes", "optimizer state", "updated weights", "trajectory"]
    assert [rung.rung for rung in result.rungs if rung.passed] == judged
    assert {rung.because for rung in result.not_judged} == {"the port does not show it"}
    assert result.verdict.startswith("every rung that was judged holds; not judged: data, batches")
    assert "data                         not judged, because the port does not" in str(result)
    assert result.loss_max_difference is None


def test_a_penalty_that_a_port_never_shows_is_no_difference_of_the_losses() -> None:
    class HidesItsPenalty(Regression):
        def step(self, state: State, batch: Batch) -> Step:
            return replace(super().step(state, batch), penalty=None)

        def epoch_metrics(self, steps: Sequence[Step]) -> Mapping[str, float] | None:  # noqa: ARG002
            return None

    result = climbed(HidesItsPenalty())
    assert result.holds, result.verdict
    assert [rung.rung for rung in result.not_judged] == ["penalty", "epoch metrics"]
    assert result.loss_max_difference == 0.0


@pytest.mark.parametrize("shown_first", [True, False])
def test_a_value_that_is_missing_in_some_steps_never_holds(shown_first: bool) -> None:
    hidden = ShowsOnly(
        lambda s: s if (s.state.iteration == 1) is shown_first else replace(s, penalty=None)
    )
    port = climbed(hidden)
    assert outcome(port, "penalty").passed is (False if shown_first else None)
    reference = climbed(Regression(), hidden)
    assert outcome(reference, "penalty").because == "the reference does not show it"


def test_a_loss_that_is_missing_in_some_steps_is_missing_in_the_table() -> None:
    late = ShowsOnly(lambda s: s if s.state.iteration > 2 else replace(s, data_loss=None))
    table = climbed(late).free_running
    assert table is not None
    assert [value is None for value in table.loss] == [True, True, False, False, False, False]


def test_sides_that_show_nothing_are_not_judged() -> None:
    class Nothing(Regression):
        def data(self) -> Arrays | None:
            return {}

        def batches(self) -> Sequence[Sequence[NDArray[Any]]] | None:
            return [[], []]

        def variable_shapes(self) -> Shapes:
            return {}

        def layer_outputs(self, state: State, batch: Batch) -> Arrays | None:  # noqa: ARG002
            return {"dense": np.zeros((0, 3))}

        def step(self, state: State, batch: Batch) -> Step:
            return replace(super().step(state, batch), gradients={})

        def epoch_metrics(self, steps: Sequence[Step]) -> Mapping[str, float] | None:  # noqa: ARG002
            return {}

    result = climbed(Nothing(), Nothing())
    empty = ["data", "parameter counts and shapes", "layer outputs", "gradients", "epoch metrics"]
    for rung in empty:
        assert outcome(result, rung).because == "both sides show nothing there", rung


def test_the_same_memory_is_not_judged_and_hides_no_other_difference() -> None:
    labels = np.arange(3)

    class SharesItsLabels(Regression):
        def data(self) -> Arrays | None:
            return {**(super().data() or {}), "labels": labels}

    result = climbed(SharesItsLabels(), SharesItsLabels())
    assert outcome(result, "data").passed is None
    assert outcome(result, "data").because == (
        "both sides hold labels in the same memory: it is one array"
    )

    class SharesThemAndDiffers(SharesItsLabels):
        def data(self) -> Arrays | None:
            return {**(super().data() or {}), "inputs": np.zeros((4, 3))}

    assert failed(climbed(SharesThemAndDiffers(), SharesItsLabels())) == ["data"]


class WritesIntoItsState(Regression):
    """Updates the arrays that it is given, and returns them."""

    factor = 1.0
    start = Regression().initial_state()

    def initial_state(self) -> State | None:
        return self.start

    def step(self, state: State, batch: Batch) -> Step:
        step = super().step(state, batch)
        for name, array in state.weights.items():
            array[...] = self.factor * step.state.weights[name]
        return replace(step, state=replace(step.state, weights=state.weights))


def test_sides_that_write_into_the_same_state_are_compared_all_the_same() -> None:
    class AndScales(WritesIntoItsState):
        factor = 1 - 1e-6

    sound = climbed(WritesIntoItsState(), WritesIntoItsState())
    assert outcome(sound, "updated weights").passed
    assert outcome(sound, "trajectory").passed
    assert failed(climbed(AndScales(), WritesIntoItsState())) == ["updated weights"]


def test_a_frozen_weight_that_both_sides_pass_on_is_judged() -> None:
    class Frozen(Regression):
        def step(self, state: State, batch: Batch) -> Step:
            step = super().step(state, batch)
            weights = {**step.state.weights, "bias": state.weights["bias"]}
            return replace(step, state=replace(step.state, weights=weights))

    assert outcome(climbed(Frozen(), Frozen()), "updated weights").passed


# Trajectories


class InFloat32(Regression):
    """The same in float32, with every array there."""

    dtype = "float32"

    def gradients(self, weights: Arrays, batch: Batch) -> dict[str, NDArray[Any]]:
        found = super().gradients(weights, batch)
        return {name: array.astype(np.float32) for name, array in found.items()}


def in_float32(port: Side[Batch]) -> Result:
    many = batches(40, "float32")
    return climb(port, InFloat32(), many, twins=3, show_progress=False)


class NaNOnItsOwn(InFloat32):
    """Sound in the teacher-forced steps and in its first free run; its twins end in NaN."""

    def __init__(self) -> None:
        self.calls = 0

    def step(self, state: State, batch: Batch) -> Step:
        self.calls += 1
        step = super().step(state, batch)
        is_twin = self.calls > 2 * 40  # after 40 teacher-forced and 40 free steps
        return with_weights(step, math.nan) if is_twin and state.iteration >= 30 else step


def test_float32_is_held_against_twins() -> None:
    result = in_float32(InFloat32())
    assert result.dtype == "float32"
    assert result.holds, result.verdict
    assert result.twin_distances is not None
    assert result.twin_distances.steps[-1] == 40


def test_a_free_run_that_becomes_nan_late_fails_in_float32() -> None:
    assert failed(in_float32(NaNOnItsOwn())) == ["trajectory"]


def test_runs_of_sides_that_name_their_weights_in_another_order_are_comparable() -> None:
    class Reversed(InFloat32):
        def step(self, state: State, batch: Batch) -> Step:
            step = super().step(state, batch)
            weights = dict(reversed([*step.state.weights.items()]))
            return replace(step, state=replace(step.state, weights=weights))

    start = InFloat32().initial_state()
    assert start is not None
    ours, theirs = (run(side, start, batches(3)) for side in (Reversed(), InFloat32()))
    np.testing.assert_array_equal(ours, theirs)


class HasALargeWeight(Regression):
    """Keeps a weight of a million, an ulp of which is more than all that the others drift."""

    def variable_shapes(self) -> Shapes:
        return {**super().variable_shapes(), "large": ()}

    def initial_state(self) -> State | None:
        start = super().initial_state()
        assert start is not None
        return replace(start, weights={**start.weights, "large": np.array(1e6)})

    def step(self, state: State, batch: Batch) -> Step:
        others = {name: array for name, array in state.weights.items() if name != "large"}
        step = super().step(replace(state, weights=others), batch)
        weights = {**step.state.weights, "large": state.weights["large"]}
        return replace(step, state=replace(step.state, weights=weights))


def test_no_large_weight_hides_a_drift_of_the_others() -> None:
    class Drifts(HasALargeWeight):
        def step(self, state: State, batch: Batch) -> Step:
            step = super().step(state, batch)
            kernel = step.state.weights["kernel"] * (1 + 1e-12)
            weights = {**step.state.weights, "kernel": kernel}
            return replace(step, state=replace(step.state, weights=weights))

    assert climbed(HasALargeWeight(), HasALargeWeight()).holds
    result = climbed(Drifts(), HasALargeWeight())
    assert failed(result) == ["trajectory"]
    assert "within kernel in 6 free-running steps" in str(result.first_difference)


def test_a_reference_whose_twin_is_not_finite_judges_no_trajectory() -> None:
    class Fragile(Regression):
        def step(self, state: State, batch: Batch) -> Step:
            step = super().step(state, batch)
            self.sound = getattr(self, "sound", state.weights["kernel"].copy())
            is_twin = state.iteration == 0 and not np.array_equal(
                state.weights["kernel"], np.full(3, 0.1)
            )
            return with_weights(step, math.inf) if is_twin else step

    with np.errstate(invalid="ignore"):
        result = climbed(Regression(), Fragile())
    assert outcome(result, "trajectory").because == (
        "the reference's own twin, one ulp away, is not finite"
    )


def test_an_envelope_with_nan_has_an_excess_of_nan() -> None:
    paths = [np.full((6, 2), value) for value in (0.0, 1.0, math.nan, 3.0)]
    assert all(math.isnan(v) for v in envelope(np.arange(6), log_distances(paths)).excess.values())


def test_integers_among_the_weights_stay_as_they_are() -> None:
    class Counts(Regression):
        def variable_shapes(self) -> Shapes:
            return {**super().variable_shapes(), "count": ()}

        def initial_state(self) -> State | None:
            state = super().initial_state() or State({}, {})
            return replace(state, weights={**state.weights, "count": np.array(0)})

        def step(self, state: State, batch: Batch) -> Step:
            count = state.weights["count"]
            floats = {n: a for n, a in state.weights.items() if n != "count"}
            step = super().step(replace(state, weights=floats), batch)
            weights = {**step.state.weights, "count": np.asarray(count + 1)}
            return replace(step, state=replace(step.state, weights=weights))

    result = climbed(Counts(), Counts())
    assert (result.holds, result.dtype) == (True, "float64")
