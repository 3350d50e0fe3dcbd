"""Random experiments of the family: both frameworks compute the same, in every step.

    pytest parity_tests/test_random_experiments.py --hypothesis-profile thorough

runs 300 of them. A failure is shrunk to a small experiment, which is printed as JSON.
"""

import contextlib
from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import Phase, find, given, note, settings

from cnn_experiment import Digits, Experiment
from parity_tests.evidence import teacher_forced
from parity_tests.keras_implementation import KerasReference
from parity_tests.known_differences import CATALOGUE
from parity_tests.ladder import FirstDifference, Ladder
from parity_tests.random_experiments import experiments
from parity_tests.torch_implementation import TorchPort


def random_digits(experiment: Experiment) -> Digits:
    """Images and labels of the network's own shape, from the seed."""
    source = np.random.RandomState(experiment.seed)
    count = experiment.data.train_images
    images = source.standard_normal((count + 1, *experiment.network.input_shape))
    labels = source.randint(0, experiment.network.output.units, count + 1)
    return Digits(images[:count], labels[:count], images[count:], labels[count:])


@contextlib.contextmanager
def without_compiling() -> Iterator[None]:
    """Keras step by step: a graph for each of many experiments would take seconds to build."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


class OnRandomDigits(KerasReference):
    """The reference, on images that fit any network."""

    def digits(self) -> Digits:
        """Return the seed's images."""
        return random_digits(self.experiment)


def first_difference(port_class: type[TorchPort], experiment: Experiment) -> FirstDifference | None:
    """Where the port parts from Keras in a single step.

    What comes of three free steps is not judged: an optimizer that divides a gradient by its own
    size makes a difference of 1e-10 out of one of 1e-17, where the gradient would be 0.
    """

    class PortOnRandomDigits(port_class):  # type: ignore[misc, valid-type]
        def digits(self) -> Digits:
            return random_digits(self.experiment)

    ladder = Ladder(PortOnRandomDigits(experiment), OnRandomDigits(experiment))
    with without_compiling():
        found = ladder.climb(teacher_forced(ladder.reference))
    return found if found is None or found.rung != "trajectory" else None


@given(experiments())
def test_both_frameworks_compute_the_same(experiment: Experiment) -> None:
    note(experiment.to_json())
    assert first_difference(TorchPort, experiment) is None


@pytest.mark.parametrize("fault", ["rho 0.99", "flatten order"])
def test_a_planted_fault_is_found_and_shrunk(fault: str) -> None:
    """Not by luck: the smallest experiment has what the fault needs, and nothing else."""
    smallest = find(
        experiments(),
        lambda experiment: first_difference(CATALOGUE[fault], experiment) is not None,
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
