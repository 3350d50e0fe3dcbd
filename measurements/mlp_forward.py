"""How long a forward pass of the articles' MLP takes, by the images' order in memory and sigmoid.

All images pass, in their order, so many at once. Source: "MLP, Numpy, TF2 - performance issues",
Step III on Step II.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from cnn_experiment import load_mnist
from measurements.mlp_study import FAST, Row, inputs_of, published, rows_of, times
from numpy_mlp import forward, initial_weights
from numpy_mlp.network import Matrix
from numpy_mlp.slow import Detours
from numpy_mlp.slow import forward as slow_forward

SIZES = (500, 10_000, 15_000, 20_000, 60_000)

# Step III on Step II: more than a factor of 2 for the complete test set or training set.
ARTICLES = {("C order", 10_000): 2.0, ("C order", 60_000): 2.0}


def measured(rounds: int, images: int) -> Iterator[Row]:
    """Measure every contestant at every size, and yield a row for each."""
    source = np.random.RandomState(0)
    passes = forward_passes()
    inputs = inputs_of(load_mnist(published(images)))
    weights = initial_weights((784, 70, 30, 10))

    def over_all(one_pass: Callable[..., object], size: int) -> Callable[[], None]:
        def run() -> None:
            for begin in range(0, images, size):
                one_pass(weights, inputs[begin : begin + size])

        return run

    for size in SIZES:
        contestants = {name: over_all(one_pass, size) for name, one_pass in passes.items()}
        yield from rows_of(times(contestants, rounds, source), size, ARTICLES)


def forward_passes() -> Mapping[str, Callable[[list[Matrix], Matrix], object]]:
    """Return the contestants by name."""
    from scipy.special import expit

    def slow(detours: Detours) -> Callable[[list[Matrix], Matrix], object]:
        return lambda weights, inputs: slow_forward(weights, inputs, detours)

    return {
        FAST: forward,
        "C order": slow(Detours(c_order=True)),
        "expit": slow(Detours(sigmoid=expit)),
        "C order, expit": slow(Detours(c_order=True, sigmoid=expit)),
    }
