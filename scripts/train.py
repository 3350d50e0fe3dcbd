"""Train one backend on a published experiment.

    python scripts/train.py --backend torch --preset article-2 --out runs/article-2

Writes experiment.json, history.csv and weights.safetensors (neutral names, Keras' layout) into the
run's folder.
"""

import argparse
import logging
import sys
from pathlib import Path
from typing import Any


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backend", choices=("torch", "keras"), default="torch")
    parser.add_argument(
        "--preset",
        default="article-2",
        metavar="NAME",
        help="article-2 (the default), article-3-first, article-3, article-3-addendum or article-6",
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="instead of the preset's")
    parser.add_argument(
        "--seed", type=int, metavar="S", help="decides split, initial weights and batches; default 0"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--train-images", type=int, metavar="N", help="the first N; default 60000")
    parser.add_argument("--test-images", type=int, metavar="N", help="the first N; default 10000")
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="P",
        help="folder that holds or gets MNIST/raw; default: $MNIST_DIR, else the user's cache",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="the run's folder; default runs/PRESET-BACKEND-seedS"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a finished run in the folder"
    )
    return parser.parse_args()


def main() -> None:
    """Train as the command line says."""
    options = arguments()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    from cnn_experiment import ProgressBar, RunFolder, UserError, load_mnist, preset

    try:
        experiment = preset(options.preset)
        experiment = experiment.with_changes(
            data=experiment.data.with_changes(
                **given(train_images=options.train_images, test_images=options.test_images)
            ),
            **given(epochs=options.epochs, seed=options.seed),
        )
        run = RunFolder(
            options.out
            or Path("runs") / f"{options.preset}-{options.backend}-seed{experiment.seed}"
        )
        run.start(experiment, overwrite=options.overwrite)
        digits = load_mnist(experiment, options.data_dir)
        backend = load_backend(options.backend)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")


def given(**values: Any) -> dict[str, Any]:
    """Return the options that were given on the command line."""
    return {name: value for name, value in values.items() if value is not None}
