"""Random experiments of the family: both frameworks compute the same, in every step.

    pytest parity_tests/test_random_experiments.py --hypothesis-profile thorough

runs 300 of them. A failure is shrunk to a small experiment, which is printed as JSON; in a file it
can be climbed again by `twin-cnn parity --experiment FILE --random-digits --steps 3`.
"""

import pytest
from hypothesis import given, note

from cnn_experiment import Experiment
from parity_tests.known_differences import CATALOGUE
from parity_tests.random_climbs import climbed, failed_rungs, smallest
from parity_tests.random_experiments import experiments
from parity_tests.torch_side import TorchPort


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
    port = CATALOGUE[fault].port
    found = smallest(lambda experiment: failed_rungs(climbed(port, experiment)), 200)
    assert found is not None
    assert Experiment.from_json(found.to_json()) == found
    network = found.network
    if fault == "rho 0.99":
        assert found.optimizer.kind == "rmsprop"
        assert network.convolutions == ()
    else:
        shapes = [network.input_shape, *(layer.output_shape for layer in network.layers())]
        height, width, channels = shapes[[len(shape) for shape in shapes].index(1) - 1]
        assert height * width > 1
        assert channels > 1
    assert network.hidden == ()
