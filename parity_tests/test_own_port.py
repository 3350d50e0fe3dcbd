"""A port that somebody else wrote: what it does not show, where it parts, and why."""

from dataclasses import replace
from typing import Any

import pytest

from cnn_experiment import preset
from parity_ladder import Result, State, Step, climb
from parity_tests.climbing import climb_experiment
from parity_tests.digit_batches import DigitBatch
from parity_tests.keras_side import KerasReference
from parity_tests.newcomers_port import NewcomersPort
from parity_tests.small import short_epoch, small_experiment
from parity_tests.torch_side import TorchPort


@pytest.fixture(scope="module")
def reference() -> KerasReference:
    return KerasReference(small_experiment())


def climbed(reference: KerasReference, **mistakes: Any) -> Result:
    return climb_experiment(NewcomersPort(reference.experiment, **mistakes), reference)


def failed(result: Result) -> list[str]:
    return [rung.rung for rung in result.rungs if rung.passed is False]


def test_it_parts_at_the_optimizer_and_is_told_why(reference: KerasReference) -> None:
    result = climbed(reference)
    assert result.first_difference is not None
    assert result.first_difference.startswith("optimizer state, step 0: ")
    assert [cause.name for cause in result.causes] == ["torch.optim.RMSprop"]
    assert result.causes[0].leaves is None
    assert {rung.rung for rung in result.rungs if rung.passed} >= {"gradients", "learning rate"}


def test_with_keras_equation_it_holds_and_what_it_does_not_show_is_not_judged(
    reference: KerasReference,
) -> None:
    result = climbed(reference, keras_equation=True)
    assert result.holds, result.verdict
    not_shown = ["data", "batches", "initial weights", "initial optimizer state", "layer outputs"]
    assert [rung.rung for rung in result.not_judged] == not_shown
    assert {rung.because for rung in result.not_judged} == {"the port does not show it"}
    assert result.verdict == f"every rung that was judged holds; not judged: {', '.join(not_shown)}"
    assert str(result).count("not judged, because the port does not show it") == len(not_shown)


def test_a_network_of_another_size_fails_at_its_shapes() -> None:
    """Though its `step` puts the reference's weights, of their shapes, into its modules."""
    addendum = short_epoch(preset("article-3-addendum").with_changes(dtype="float64"), 2)
    small = NewcomersPort(addendum, filters=(4, 6, 8), units=12, keras_equation=True)
    result = climb_experiment(small, KerasReference(addendum))
    assert failed(result) == ["parameter counts and shapes"]
    assert result.first_difference == (
        "parameter counts and shapes, before the first step: conv2d_1/kernel has shape"
        " (3, 3, 1, 4), not (3, 3, 1, 32); the port has 1,708 parameters, the reference 232,242"
    )


TWO_MISTAKES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "flatten order, stock RMSprop": (
        {"stock_flatten": True},
        ["flatten order", "torch.optim.RMSprop"],
    ),
    "weight decay of 2e-3 on all parameters": (
        {"decay_everywhere": True, "unrounded_decay": True, "keras_equation": True},
        ["L2 on everything", "L2 strength not rounded"],
    ),
    "weight decay of 2e-3 on the head, biases too": (
        {"decay_biases": True, "unrounded_decay": True, "keras_equation": True},
        ["L2 on biases", "L2 strength not rounded"],
    ),
    "PyTorch's alpha and eps in Keras' equation": (
        {"alpha": 0.99, "epsilon": 1e-8, "keras_equation": True},
        ["rho 0.99", "epsilon 1e-8"],
    ),
    "rate in doubles, one step late": (
        {"rate_in_doubles": True, "rate_one_step_late": True, "keras_equation": True},
        ["schedule one step late", "learning rate not rounded"],
    ),
    "stock RMSprop with its own alpha": ({"alpha": 0.99}, ["rho 0.99", "torch.optim.RMSprop"]),
    "mean of the batches' losses without penalty": (
        {"mean_of_batches": True, "loss_without_penalty": True, "keras_equation": True},
        ["reported without the penalty", "averaged by batch"],
    ),
    "flatten order, biases decay": (
        {"stock_flatten": True, "decay_biases": True, "keras_equation": True},
        ["flatten order", "L2 on biases"],
    ),
}


@pytest.mark.parametrize("name", TWO_MISTAKES)
def test_two_mistakes_are_both_named_and_nothing_is_left(
    name: str, reference: KerasReference
) -> None:
    mistakes, causes = TWO_MISTAKES[name]
    result = climbed(reference, **mistakes)
    assert sorted(cause.name for cause in result.causes) == sorted(causes), result.explanation
    assert result.causes[0].leaves is not None
    assert result.causes[-1].leaves is None


def test_the_first_of_two_causes_says_what_it_leaves(reference: KerasReference) -> None:
    first, second = climbed(reference, stock_flatten=True).causes
    assert first.name == "flatten order"
    assert first.leaves is not None
    assert first.leaves.startswith("optimizer state, step 0: ")
    assert f"It leaves unexplained: {first.leaves}." in str(first)
    assert "leaves" not in str(second)


def test_an_unknown_difference_is_left_unexplained(reference: KerasReference) -> None:
    class HalvesItsGradients(TorchPort):
        def step(self, state: State, batch: DigitBatch) -> Step:
            step = super().step(state, batch)
            gradients = {name: 0.37 * array for name, array in (step.gradients or {}).items()}
            return replace(step, gradients=gradients)

    result = climb_experiment(HalvesItsGradients(reference.experiment), reference)
    assert failed(result) == ["gradients"]
    assert result.causes == ()
    assert result.explanation == "no known difference explains it"


def test_without_known_differences_none_is_looked_for(reference: KerasReference) -> None:
    port = NewcomersPort(reference.experiment)
    result = climb(port, reference, reference.first_epoch())
    assert result.explanation == "no known differences were given, so none was looked for"


def test_what_both_sides_hold_in_one_place_is_not_judged(reference: KerasReference) -> None:
    class ShowsTheReferencesData(TorchPort):
        def data(self) -> Any:
            return reference.data()

    result = climb_experiment(ShowsTheReferencesData(reference.experiment), reference)
    data = next(rung for rung in result.rungs if rung.rung == "data")
    assert data.passed is None
    assert data.because is not None
    assert data.because.endswith("in the same memory: it is one array")


def test_the_diagnosis_takes_few_further_steps_of_the_reference() -> None:
    class Counting(KerasReference):
        steps = 0

        def step(self, state: State, batch: DigitBatch) -> Step:
            self.steps += 1
            return super().step(state, batch)

    experiment = small_experiment(60)
    reference = Counting(experiment)
    result = climb_experiment(NewcomersPort(experiment, stock_flatten=True), reference)
    assert len(result.causes) == 2
    assert reference.steps == 3
