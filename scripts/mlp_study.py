"""Repeat the articles' performance study of the MLP: slow ways, the fast one, both frameworks.

    python scripts/mlp_study.py --out results/mlp_study.csv --plot mlp_study.png

Each contestant trains 784-70-30-10 for one epoch of 60,000 images, in rounds of random order; a
figure is the median over the rounds of its time over the fast NumPy MLP's in the same round, above
1 where it is slower. The NumPy MLPs count hits but compute no loss; Keras and PyTorch report both;
PyTorch's time includes making the model, Keras' model is made and compiled before. Beside it stands
what the articles' own seconds come to. At last the NumPy MLP is trained for 35 epochs at batch size
500, for its accuracy.
"""

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

BATCH_SIZES = (500, 1000, 10_000, 20_000)
FAST = "numpy"

# From the articles' seconds for 35 epochs. Step III, their last program: 7.53 s at batch size 500,
# 6.72 s at 20,000. Step II: 9.6 s and 8.7 s. Step I: 49.5 s in float64 with all detours; in float32
# 3.1 times Keras' 11.05 s, which is 34.3 s; 11.33 s without deltas to the input layer. Each detour
# is held against the program it was taken out of, the rest against the last one.
ARTICLES = {
    ("float64, all detours", 500): 49.5 / 7.53,
    ("float64", 500): 49.5 / (3.1 * 11.05),
    ("delta to the input layer", 500): 3.1 * 11.05 / 11.33,
    ("sigmoid again", 500): 9.6 / 7.53,
    ("sigmoid again", 20_000): 8.7 / 6.72,
    ("keras", 500): 11.05 / 7.53,
}


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default 5")
    parser.add_argument("--epochs", type=int, default=35, metavar="N", help="of the last training")
    parser.add_argument("--out", type=Path, metavar="FILE", help="a CSV file of the table")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="a picture of the table")
    return parser.parse_args()


def main() -> None:
    """Measure, print, write and draw."""
    options = arguments()
    from cnn_experiment import UserError
    from cnn_experiment.atomic_file import write_table_atomically

    try:
        if options.rounds < 1 or options.epochs < 1:
            raise UserError(
                f"rounds = {options.rounds}, epochs = {options.epochs}: accepted: 1 or more"
            )
        if options.plot is not None:
            must_be_drawable(options.plot)
        rows = table(options.rounds)
        if options.out is not None:
            write_table_atomically(options.out, rows)
        if options.plot is not None:
            draw(rows, options.plot)
        learn(options.epochs)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")


def table(rounds: int) -> list[dict[str, Any]]:
    """Measure every contestant at every batch size; print and return a row each."""
    import numpy as np
    from tqdm import tqdm

    source = np.random.RandomState(0)
    print(f"{'contestant':26} {'batch size':>10} {'ratio':>6} {'article':>8}")
    rows = []
    for batch_size in BATCH_SIZES:
        contestants = contestants_at(batch_size)
        seconds: dict[str, list[float]] = {name: [] for name in contestants}
        with tqdm(total=(1 + rounds) * len(contestants), leave=False, disable=None) as bar:
            for number in range(1 + rounds):
                for name in source.permutation(list(contestants)):
                    begin = time.perf_counter()
                    contestants[name]()
                    if number > 0:  # the first round warms up
                        seconds[name].append(time.perf_counter() - begin)
                    bar.update()
        for name, own in seconds.items():
            ratio = float(np.median(np.array(own) / np.array(seconds[FAST])))
            article = ARTICLES.get((name, batch_size))
            rows.append(
                {
                    "contestant": name,
                    "batch size": batch_size,
                    "ratio": round(ratio, 2),
                    "article": "" if article is None else round(article, 2),
                }
            )
            print("{contestant:26} {batch size:>10} {ratio:>6} {article:>8}".format(**rows[-1]))
    return rows


def contestants_at(batch_size: int) -> dict[str, Callable[[], object]]:
    """Return, by name, what trains one epoch."""
    import keras_ref
    import numpy_mlp
    import torch_cnn
    from cnn_experiment import load_mnist, preset
    from numpy_mlp.slow import Detours, propagate

    experiment = preset("mlp").with_changes(epochs=1, batch_size=batch_size)
    experiment = experiment.with_changes(data=experiment.data.with_changes(test_images=1))
    digits = load_mnist(experiment)
    images = digits.train_images_nhwc.reshape(len(digits.train_labels), -1)
    doubles = images.astype("float64")

    def ours(detours: Detours | None = None, dtype: str = "float32") -> Callable[[], object]:
        settings = numpy_mlp.Settings(epochs=1, batch_size=batch_size, dtype=dtype)
        by = numpy_mlp.propagate if detours is None else partial(propagate, detours=detours)
        pixels = images if dtype == "float32" else doubles
        return lambda: numpy_mlp.train(pixels, digits.train_labels, settings, by=by)

    model, batches = keras_ref.build_model(experiment), keras_ref.SeededBatches(experiment, digits)
    return {
        FAST: ours(),
        "float64": ours(dtype="float64"),
        "delta to the input layer": ours(Detours(to_input_layer=True)),
        "sigmoid again": ours(Detours(sigmoid_again=True)),
        "float64, all detours": ours(Detours(True, True), dtype="float64"),
        "keras": lambda: model.fit(batches, shuffle=False, verbose=0),
        "torch": lambda: torch_cnn.train(experiment, digits, device="cpu"),
    }


def must_be_drawable(path: Path) -> None:
    """Raise `UserError` where the picture could not be made, before anything is measured."""
    from cnn_experiment import UserError

    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise UserError(f"plot = {path}: needs matplotlib; pip install '.[plots]'") from error
    known = sorted(Figure().canvas.get_supported_filetypes())
    if path.suffix.removeprefix(".") not in known:
        raise UserError(f"plot = {path}: accepted endings: {', '.join(known)}")


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw the ratios as bars, grouped by batch size."""
    import io

    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    from cnn_experiment.atomic_file import write_atomically

    names = list(dict.fromkeys(row["contestant"] for row in rows))
    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    width = 0.8 / len(names)
    for number, name in enumerate(names):
        ratios = [row["ratio"] for row in rows if row["contestant"] == name]
        places = [group + number * width for group in range(len(ratios))]
        axes.bar(places, ratios, width, label=name)
    middle = 0.4 - width / 2
    axes.set_xticks([group + middle for group in range(len(BATCH_SIZES))], map(str, BATCH_SIZES))
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set(xlabel="batch size", ylabel="time / time of the fast NumPy MLP")
    axes.legend(ncols=2)
    picture = io.BytesIO()
    figure.savefig(picture, format=path.suffix.removeprefix("."), dpi=120)
    write_atomically(path, picture.getvalue())


def learn(epochs: int) -> None:
    """Train the NumPy MLP as the article did, on the standardised images."""
    import numpy_mlp
    from cnn_experiment import load_mnist, preset

    digits = load_mnist(preset("article-2"))
    train, test = (
        images.reshape(len(images), -1)
        for images in (digits.train_images_nhwc, digits.test_images_nhwc)
    )
    settings = numpy_mlp.Settings(epochs=epochs)

    def tell(record: numpy_mlp.Record) -> None:
        print(
            f"epoch {record.epoch}: learning rate {record.learning_rate!r},"
            f" accuracy by batch {record.accuracy:.4f}",
            flush=True,
        )

    weights, _ = numpy_mlp.train(train, digits.train_labels, settings, on_epoch=tell)
    trained = numpy_mlp.accuracy(weights, train, digits.train_labels)
    tested = numpy_mlp.accuracy(weights, test, digits.test_labels)
    print(f"training accuracy {trained:.4f}, test accuracy {tested:.4f}")


if __name__ == "__main__":
    main()
