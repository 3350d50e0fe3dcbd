"""What the articles print of their MLP's trainings, beside what ours give with some seeds.

Source: "MLP, Numpy, TF2 - performance issues", Steps I and III.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, TypedDict

from tqdm import tqdm

from cnn_experiment import Digits, load_mnist, preset
from measurements import mlp_published as printed_by
from numpy_mlp import Settings, Training, accuracy, costs, forward, input_layer

SETTINGS = (Settings(), Settings(batch_size=20_000, learning_rate=1e-4))
"""Those of the two printed trainings; Step III prints the learning rates."""

Row = TypedDict(
    "Row",
    {
        "figure": str,
        "place": str,
        "batch size": int,
        "article": float | Literal[""],
        "lowest": float,
        "highest": float,
    },
)
"""A figure of the last epoch: the article's, and the lowest and highest of our seeds."""


def measured(seeds: int, images: int) -> Iterator[Row]:
    """Train with each of the articles' settings and seeds from 0; yield a row for each figure."""
    experiment = preset("article-2")  # whose images are standardised, as theirs
    few = experiment.data.with_changes(train_images=images)
    digits = load_mnist(experiment.with_changes(data=few))
    for settings in SETTINGS:
        with_seeds = [replace(settings, seed=seed) for seed in range(seeds)]
        of_seeds = [figures(digits, each) for each in with_seeds]
        size = settings.batch_size
        for name in of_seeds[0]:
            values = [each[name] for each in of_seeds]
            low, high = (float(f"{value:.6g}") for value in (min(values), max(values)))
            for place, article in printed(size, name) or [("", "")]:
                yield {
                    "figure": name,
                    "place": place,
                    "batch size": size,
                    "article": article,
                    "lowest": low,
                    "highest": high,
                }


def printed(batch_size: int, figure: str) -> list[tuple[str, float | Literal[""]]]:
    """Return where the articles print a figure, and its values there."""
    return [
        (each.place, each.value)
        for each in printed_by.PRINTED
        if (each.batch_size, each.figure) == (batch_size, figure)
    ]


def figures(digits: Digits, settings: Settings) -> dict[str, float]:
    """Train as `settings` say; return the figures of the last epoch by their names."""
    train, test = (
        images.reshape(len(images), -1)
        for images in (digits.train_images_nhwc, digits.test_images_nhwc)
    )
    training = Training(input_layer(train), digits.train_labels, settings)
    for epoch in tqdm(range(settings.epochs), leave=False, disable=None):
        record = training.run_epoch(epoch)
    last = forward(training.weights, training.inputs)[-1]
    of_all = costs(training.weights, last, training.one_hot, l1=settings.l1, l2=settings.l2)
    return {
        printed_by.TOTAL: of_all.total,
        printed_by.TOTAL_SHARE: of_all.penalty_share,
        printed_by.LAST: record.last_batch.total,
        printed_by.LAST_SHARE: record.last_batch.penalty_share,
        **dict(zip(printed_by.WEIGHTS, record.mean_weights, strict=True)),
        printed_by.ERROR: record.last_batch.error,
        printed_by.FROM_ERROR: record.last_batch.accuracy_from_error,
        printed_by.FROM_ERRORS: 1 - record.error,
        printed_by.HITS: accuracy(training.weights, train, digits.train_labels),
        "accuracy on the test images": accuracy(training.weights, test, digits.test_labels),
    }
