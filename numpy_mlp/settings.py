"""The settings of a training, and what follows from them: learning rates and first weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from numpy_mlp.network import Matrix

Interval = tuple[float, float]


@dataclass(frozen=True)
class Settings:
    """The settings of one run; the defaults are the article's."""

    hidden: tuple[int, ...] = (70, 30)
    epochs: int = 35
    batch_size: int = 500
    shuffle: bool = True
    """Draw a new order of the images for each epoch; otherwise they stay in the given order."""
    learning_rate: float = 1e-3
    decrease: float = 1e-6
    """Before epoch i (from 0) the learning rate is divided by 1 + decrease * i."""
    momentum: float = 5e-5
    """The fraction of the previous correction that is added to the current one."""
    l1: float = 0.0
    l2: float = 0.01
    weight_factor: float = 2.0
    """The first weights of a layer lie within this, divided by sqrt(1 + inputs), of zero."""
    weight_intervals: tuple[Interval | None, ...] | None = None
    """For each layer the interval of its first weights instead; None keeps `weight_factor`'s."""
    seed: int = 0
    dtype: str = "float32"


def learning_rate(settings: Settings, epoch: int) -> float:
    """Return the learning rate of `epoch`, counted from 0."""
    rate = settings.learning_rate
    for number in range(epoch + 1):
        rate /= 1 + settings.decrease * number
    return rate


def initial_weights(sizes: Sequence[int], settings: Settings | None = None) -> list[Matrix]:
    """Return the first weights of each layer, drawn uniformly from the layer's interval.

    `sizes` are the numbers of nodes from the input layer to the output layer. The article calls
    the interval of `weight_factor` `sqrt_nodes`, and a given one `const`.
    """
    settings = settings or Settings()
    source = np.random.RandomState(settings.seed)
    layers = list(pairwise(sizes))
    drawn = []
    for (inputs, nodes), given in zip(
        layers, settings.weight_intervals or [None] * len(layers), strict=True
    ):
        reach = settings.weight_factor / np.sqrt(1 + inputs)
        low, high = given or (-reach, reach)
        drawn.append(source.uniform(low, high, (nodes, 1 + inputs)).astype(settings.dtype))
    return drawn
