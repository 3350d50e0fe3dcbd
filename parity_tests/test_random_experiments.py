"""Random experiments of the family: both frameworks compute the same, in every step.

    pytest parity_tests/test_random_experiments.py --hypothesis-profile thorough

runs 300 of them. A failure is shrunk to a small experiment, which is printed as JSON; in a file it
can be climbed again by `twin-cnn parity --experiment FILE --random-digits --steps 3`.
"""

import contextlib
from collections.abc import Iterator

import pytest
import tensorflow as tf
from hypothesis import Phase, find, given, note, settings

from cnn_experiment import Experiment
from parity_ladder import Result, climb
from parity_tests.keras_side import KerasReference
from parity_tests.known_differences import CATALOGUE
from parity_tests.random_digits import on_random_digits
from parity_tests.random_experiments import experiments
from parity_tests.torch_side import TorchPort


@contextlib.contextmanager
def without_compiling() -> Iterator[None]:
    """Keras step by step: a graph for each of many experiments would take seconds to build."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def climbed(port_class: type[TorchPort], experiment: Experiment) -> Result:
    """Climb the random experiment, without a look for causes."""
    port = on_random_digits(port_class)(experiment)
    reference = on_random_digits(KerasReference)(experiment)
    with without_compiling():
        return climb(port, reference, reference.first_epoch())


def failed_rungs(result: Result) -> list[str]:
    """Where on the ladder the two part, but for its last rung.

    What comes of three free steps is not to be judged: an optimizer that divides a gradient by its
    own size makes a difference of 1e-10 out of one of 1e-17, where the gradient would be 0.
    """
    return [r.where for r in result.rungs if r.passed is False and r.rung != "trajectory"]


@given(experiments())
def test_both_frameworks_compute_the_same(experiment: Experiment) -> None:
    note(experiment.to_json())
    result = climbed(TorchPort, experiment)
    assert failed_rungs(result) == []
    assert [rung.rung for rung in result.not_judged] == []


@pytest.mark.parametrize(
    "fault", ["rho 0.99", pytest.param("flatten order", marks=pytest.mark.slow)]
)
def test_a_planted_fault_is_found_and_shrunk(fault: str) -> None:
    """Not by luck: the smallest experiment has what the fault needs, and nothing else."""
    smallest = find(
        experiments(),
        lambda experiment: bool(failed_rungs(climbed(CATALOGUE[fault].port, experiment))),
        settings=settings(max_examples=200, phases=[Phase.generate, Phase.shrink]),
    )
    assert Experiment.from_json(smallest.to_json()) == smallest
    network = smallest.network
    if fault == "rho 0.99":
        assert smallest.optimizer.kind == "rmsprop"
        assert network.convolutions == ()
    else:
        shapes = [network.input_shape, *(layer.output_shape for layer in network.layers())]
        height, width, channels = shapes[[len(shape) for shape in shapes].index(1) - 1]
        assert height * width > 1
        assert channels > 1
    assert network.hidden == ()
