"""Random experiments of the family: both frameworks compute the same, in every step.

    pytest parity_tests/test_random_experiments.py --hypothesis-profile thorough

runs 300 of them. A failure is shrunk to a small experiment, which is printed as JSON; in a file it
can be climbed again by `scripts/parity.py --experiment FILE --random-digits --steps 3`.
"""

import contextlib
from collections.abc import Iterator

import pytest
import tensorflow as tf
from hypothesis import Phase, find, given, note, settings

from cnn_experiment import Experiment
from parity_tests.evidence import teacher_forced
from parity_tests.keras_implementation import KerasReference
from parity_tests.known_differences import CATALOGUE
from parity_tests.ladder import Ladder
from parity_tests.random_digits import on_random_digits
from parity_tests.random_experiments import experiments
from parity_tests.torch_implementation import TorchPort


@contextlib.contextmanager
def without_compiling() -> Iterator[None]:
    """Keras step by step: a graph for each of many experiments would take seconds to build."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def climbed(port_class: type[TorchPort], experiment: Experiment) -> Ladder:
    """The ladder after the random experiment.

    What comes of three free steps is not to be judged: an optimizer that divides a gradient by its
    own size makes a difference of 1e-10 out of one of 1e-17, where the gradient would be 0.
    """
    port = on_random_digits(port_class)(experiment)
    ladder = Ladder(port, on_random_digits(KerasReference)(experiment))
    with without_compiling():
        ladder.climb(teacher_forced(ladder.reference))
    return ladder


@given(experiments())
def test_both_frameworks_compute_the_same(experiment: Experiment) -> None:
    note(experiment.to_json())
    ladder = climbed(TorchPort, experiment)
    judged = [rung for rung in ladder.rungs.values() if rung.name != "trajectory"]
    assert [rung.where for rung in judged if not rung.passed] == []


def found_in(ladder: Ladder) -> bool:
    found = ladder.first_difference
    return found is not None and found.rung != "trajectory"


@pytest.mark.parametrize("fault", ["rho 0.99", "flatten order"])
def test_a_planted_fault_is_found_and_shrunk(fault: str) -> None:
    """Not by luck: the smallest experiment has what the fault needs, and nothing else."""
    smallest = find(
        experiments(),
        lambda experiment: found_in(climbed(CATALOGUE[fault], experiment)),
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
