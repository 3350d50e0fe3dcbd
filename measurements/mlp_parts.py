"""Which parts of a batch's work take how long in the articles' MLP, before Step III and at last.

The program before Step III computes sigmoids by SciPy's `expit`, as the article's does, and its
backward pass is timed part by part. Our `batch` takes out images and labels; the article counts the
labels as `cost`. Source: "MLP, Numpy, TF2 - performance issues", Step III.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Literal, TypedDict

import numpy as np

from cnn_experiment import load_mnist
from measurements.mlp_published import BACKWARD, PARTS
from measurements.mlp_study import inputs_of, published, times
from numpy_mlp import Settings, Training, propagate
from numpy_mlp.slow import Detours
from numpy_mlp.slow import propagate as slow_propagate
from numpy_mlp.training import Propagate

BATCH_SIZES = (500, 15_000, 20_000)

Row = TypedDict(
    "Row",
    {
        "part": str,
        "over": Literal["forward", "layers 2 to 0"],
        "batch size": int,
        "before Step III": float,
        "article": float | Literal[""],
        "last program": float | Literal[""],
    },
)
"""The time of a part over that of the forward pass, or of the backward pass through the layers."""


class Stopwatch:
    """A clock that adds up the seconds of each part, from one part's end to the next one's."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.last = time.perf_counter()

    def __call__(self, part: str) -> None:
        """Count the time since the last call as this part's."""
        now = time.perf_counter()
        self.seconds[part] += now - self.last
        self.last = now


def measured(rounds: int, images: int) -> Iterator[Row]:
    """Time both programs in each round, in random order; yield a row for each part."""
    from scipy.special import expit

    before = partial(slow_propagate, detours=Detours(sigmoid_again=True, sigmoid=expit))
    source = np.random.RandomState(0)
    digits = load_mnist(published(images))
    inputs = inputs_of(digits)

    def an_epoch(by: Propagate, size: int, into: list[Mapping[str, float]]) -> Callable[[], None]:
        def run() -> None:
            settings, watch = Settings(batch_size=size), Stopwatch()
            training = Training(inputs, digits.train_labels, settings, by=by, lap=watch)
            watch("preparation")
            training.run_epoch(0)
            into.append(ratios(watch.seconds))

        return run

    for size in BATCH_SIZES:
        ours: list[Mapping[str, float]] = []
        last: list[Mapping[str, float]] = []
        programs = {
            "before": an_epoch(before, size, ours),
            "last": an_epoch(propagate, size, last),
        }
        times(programs, rounds, source)
        yield from rows_of(size, middle(ours[1:]), middle(last[1:]))  # the first round warms up


def ratios(seconds: Mapping[str, float]) -> dict[str, float]:
    """Return each part's time over the forward pass', each layer's part's over all layers' parts'.

    The backward pass, where it is timed by parts, is their sum.
    """
    layers = {part: own for part, own in seconds.items() if part.startswith("layer ")}
    through_layers = sum(layers.values())
    whole = dict(seconds)
    if layers:
        whole["backward"] = seconds["output layer"] + through_layers
    found = {part: whole[part] / seconds["forward"] for part in PARTS}
    return found | {part: own / through_layers for part, own in layers.items()}


def middle(of_rounds: list[Mapping[str, float]]) -> dict[str, float]:
    """Return the median of each part's ratio."""
    return {part: float(np.median([each[part] for each in of_rounds])) for part in of_rounds[0]}


def article_ratios(size: int) -> dict[str, float]:
    """Return the same ratios from the article's seconds, the mean of its prints."""
    found = {}
    if size == 500:
        forward = np.array(PARTS["forward"])
        found = {part: float(np.mean(own / forward)) for part, own in PARTS.items()}
    prints = BACKWARD.get(size, ())
    for part in prints[0] if prints else ():
        found[part] = float(np.mean([each[part] / sum(each.values()) for each in prints]))
    return found


def rows_of(size: int, ours: Mapping[str, float], last: Mapping[str, float]) -> Iterator[Row]:
    """Yield a row for each part of the program before Step III."""
    article = article_ratios(size)
    for part, ratio in ours.items():
        yield {
            "part": part,
            "over": "forward" if part in PARTS else "layers 2 to 0",
            "batch size": size,
            "before Step III": round(ratio, 3),
            "article": round(article[part], 3) if part in article else "",
            "last program": round(last[part], 3) if part in last else "",
        }
