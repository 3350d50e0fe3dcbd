"""Random experiments on the ladder: both frameworks must compute the same in every step."""

import contextlib
from collections.abc import Callable, Iterator
from random import Random

import tensorflow as tf
from hypothesis import Phase, find, settings
from hypothesis.errors import NoSuchExample

from cnn_experiment import Experiment
from parity_ladder import Result, climb
from parity_tests.keras_side import KerasReference
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


def smallest(
    fails: Callable[[Experiment], object], count: int, source: Random | None = None
) -> Experiment | None:
    """Return the smallest of the experiments found that fail; None if `count` of them pass.

    `source` decides which are drawn; without one, Hypothesis' settings do.
    """
    phases = [Phase.generate, Phase.shrink]
    drawn = settings(max_examples=count, phases=phases, database=None, deadline=None)
    try:
        return find(experiments(), lambda each: bool(fails(each)), settings=drawn, random=source)
    except NoSuchExample:
        return None
