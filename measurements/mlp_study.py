"""How long an epoch of the articles' MLP takes: slow and fast NumPy code, and both frameworks."""

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Literal, TypedDict

import numpy as np
from tqdm import tqdm

from cnn_experiment import Digits, Experiment, load_mnist, preset
from numpy_mlp import Settings, Training, input_layer
from numpy_mlp.network import Matrix
from numpy_mlp.slow import Detours, propagate

BATCH_SIZES = (500, 1000, 10_000, 20_000)
FAST = "numpy"
"""The contestant that all others are compared with."""

# From the articles' seconds for 35 epochs. Step III, their last program: 7.53 s at batch size 500,
# 6.72 s at 20,000. Step II: 9.6 s and 8.7 s. Step I: 49.5 s in float64 with all detours; in float32
# 3.1 times Keras' 11.05 s, which is 34.3 s; 11.33 s without deltas to the input layer. Each detour
# is compared with the program that it was taken out of, the rest with the last program. All their
# programs compute sigmoids by expit.
ARTICLES = {
    ("float64, all detours", 500): 49.5 / 7.53,
    ("float64", 500): 49.5 / (3.1 * 11.05),
    ("delta to the input layer", 500): 3.1 * 11.05 / 11.33,
    ("C order", 500): 11.33 / 9.6,
    ("sigmoid again", 500): 9.6 / 7.53,
    ("sigmoid again", 20_000): 8.7 / 6.72,
    ("keras", 500): 11.05 / 7.53,
}

Row = TypedDict(
    "Row",
    {"contestant": str, "batch size": int, "ratio": float, "article": float | Literal[""]},
)
"""One contestant at one batch size: its time divided by `FAST`'s, and the articles' ratio."""


def measured(rounds: int, images: int) -> Iterator[Row]:
    """Measure every contestant at every batch size, and yield a row for each."""
    source = np.random.RandomState(0)
    for batch_size in BATCH_SIZES:
        seconds = times(contestants_at(batch_size, images), rounds, source)
        yield from rows_of(seconds, batch_size, ARTICLES)


def rows_of(
    seconds: Mapping[str, list[float]], batch_size: int, articles: Mapping[tuple[str, int], float]
) -> Iterator[Row]:
    """Yield a row for each contestant: its time over that of `FAST`, the median of the rounds."""
    for name, own in seconds.items():
        article = articles.get((name, batch_size))
        yield {
            "contestant": name,
            "batch size": batch_size,
            "ratio": round(float(np.median(np.array(own) / np.array(seconds[FAST]))), 2),
            "article": "" if article is None else round(article, 2),
        }


def times(
    contestants: Mapping[str, Callable[[], object]], rounds: int, source: np.random.RandomState
) -> dict[str, list[float]]:
    """Return the seconds that each contestant needs in each round; the order is random."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    with tqdm(total=(1 + rounds) * len(contestants), leave=False, disable=None) as bar:
        for number in range(1 + rounds):
            for name in source.permutation(list(contestants)):
                begin = time.perf_counter()
                contestants[name]()
                if number > 0:  # the first round warms up
                    seconds[name].append(time.perf_counter() - begin)
                bar.update()
    return seconds


def contestants_at(batch_size: int, images: int) -> dict[str, Callable[[], object]]:
    """Return the contestants by name, functions that train one epoch; prepare this process."""
    from scipy.special import expit

    import keras_ref
    import torch_cnn

    torch_cnn.prepare_process()
    keras_ref.prepare_process()
    experiment = published(images).with_changes(epochs=1, batch_size=batch_size)
    digits = load_mnist(experiment)
    singles = inputs_of(digits)
    doubles = singles.astype("float64")

    def by_numpy(detours: Detours | None = None, inputs: Matrix = singles) -> Callable[[], object]:
        settings = Settings(batch_size=batch_size, dtype=str(inputs.dtype))
        if detours is None:
            return lambda: Training(inputs, digits.train_labels, settings).run_epoch(0)
        by = partial(propagate, detours=detours)
        return lambda: Training(inputs, digits.train_labels, settings, by=by).run_epoch(0)

    model, batches = keras_ref.build_model(experiment), keras_ref.SeededBatches(experiment, digits)
    return {
        FAST: by_numpy(),
        "float64": by_numpy(inputs=doubles),
        "delta to the input layer": by_numpy(Detours(to_input_layer=True)),
        "C order": by_numpy(Detours(c_order=True)),
        "sigmoid again": by_numpy(Detours(sigmoid_again=True)),
        "expit": by_numpy(Detours(sigmoid=expit)),
        "float64, all detours": by_numpy(Detours(True, True, True, expit), doubles),
        "keras": lambda: model.fit(batches, shuffle=False, verbose=0),
        "torch": lambda: torch_cnn.train(experiment, digits, device="cpu"),
    }


def published(images: int) -> Experiment:
    """Return the preset `mlp` with so many training images and, to save time, one test image."""
    experiment = preset("mlp")
    few = experiment.data.with_changes(train_images=images, test_images=1)
    return experiment.with_changes(data=few)


def inputs_of(digits: Digits) -> Matrix:
    """Return the training images as the NumPy MLP's input layer has them."""
    return input_layer(digits.train_images_nhwc.reshape(len(digits.train_labels), -1))
