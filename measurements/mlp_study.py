"""The articles' performance study of the MLP: slow and fast NumPy code, and both frameworks."""

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Literal, TypedDict

import numpy as np
from tqdm import tqdm

import numpy_mlp
from cnn_experiment import load_mnist, preset
from numpy_mlp.slow import Detours, propagate

BATCH_SIZES = (500, 1000, 10_000, 20_000)
FAST = "numpy"
"""The contestant that all others are compared with."""

# From the articles' seconds for 35 epochs. Step III, their last program: 7.53 s at batch size 500,
# 6.72 s at 20,000. Step II: 9.6 s and 8.7 s. Step I: 49.5 s in float64 with all detours; in float32
# 3.1 times Keras' 11.05 s, which is 34.3 s; 11.33 s without deltas to the input layer. Each detour
# is compared with the program that it was taken out of, the rest with the last program.
ARTICLES = {
    ("float64, all detours", 500): 49.5 / 7.53,
    ("float64", 500): 49.5 / (3.1 * 11.05),
    ("delta to the input layer", 500): 3.1 * 11.05 / 11.33,
    ("sigmoid again", 500): 9.6 / 7.53,
    ("sigmoid again", 20_000): 8.7 / 6.72,
    ("keras", 500): 11.05 / 7.53,
}

Row = TypedDict(
    "Row",
    {"contestant": str, "batch size": int, "ratio": float, "article": float | Literal[""]},
)
"""One contestant at one batch size: its time divided by `FAST`'s, and the articles' ratio."""


def measured(rounds: int) -> Iterator[Row]:
    """Measure every contestant at every batch size, and yield a row for each."""
    source = np.random.RandomState(0)
    for batch_size in BATCH_SIZES:
        seconds = times(contestants_at(batch_size), rounds, source)
        for name, own in seconds.items():
            ratio = float(np.median(np.array(own) / np.array(seconds[FAST])))
            article = ARTICLES.get((name, batch_size))
            yield {
                "contestant": name,
                "batch size": batch_size,
                "ratio": round(ratio, 2),
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


def contestants_at(batch_size: int) -> dict[str, Callable[[], object]]:
    """Return the contestants by name, functions that train one epoch; prepare this process."""
    import keras_ref
    import torch_cnn

    torch_cnn.prepare_process()
    keras_ref.prepare_process()
    experiment = preset("mlp").with_changes(epochs=1, batch_size=batch_size)
    experiment = experiment.with_changes(data=experiment.data.with_changes(test_images=1))
    digits = load_mnist(experiment)
    images = digits.train_images_nhwc.reshape(len(digits.train_labels), -1)
    doubles = images.astype("float64")

    def by_numpy(detours: Detours | None = None, dtype: str = "float32") -> Callable[[], object]:
        settings = numpy_mlp.Settings(epochs=1, batch_size=batch_size, dtype=dtype)
        by = numpy_mlp.propagate if detours is None else partial(propagate, detours=detours)
        pixels = images if dtype == "float32" else doubles
        return lambda: numpy_mlp.train(pixels, digits.train_labels, settings, by=by)

    model, batches = keras_ref.build_model(experiment), keras_ref.SeededBatches(experiment, digits)
    return {
        FAST: by_numpy(),
        "float64": by_numpy(dtype="float64"),
        "delta to the input layer": by_numpy(Detours(to_input_layer=True)),
        "sigmoid again": by_numpy(Detours(sigmoid_again=True)),
        "float64, all detours": by_numpy(Detours(True, True), dtype="float64"),
        "keras": lambda: model.fit(batches, shuffle=False, verbose=0),
        "torch": lambda: torch_cnn.train(experiment, digits, device="cpu"),
    }


def learn(epochs: int, on_epoch: Callable[[numpy_mlp.Record], object]) -> tuple[float, float]:
    """Train the NumPy MLP as the article does, on the standardised images.

    Returns its accuracy on the training images and on the test images.
    """
    digits = load_mnist(preset("article-2"))
    train, test = (
        images.reshape(len(images), -1)
        for images in (digits.train_images_nhwc, digits.test_images_nhwc)
    )
    settings = numpy_mlp.Settings(epochs=epochs)
    weights, _ = numpy_mlp.train(train, digits.train_labels, settings, on_epoch=on_epoch)
    return (
        numpy_mlp.accuracy(weights, train, digits.train_labels),
        numpy_mlp.accuracy(weights, test, digits.test_labels),
    )
