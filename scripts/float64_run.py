"""Train both frameworks on their own through a whole published run in float64; how far they part.

    python scripts/float64_run.py --preset article-3 --out results/float64_article-3.jsonl

Both begin with the same weights and are given the same batches; nothing else passes between them.
After every epoch a line is added with the largest distance of any weight and the distances of the
losses, after the last one with the count of test images that they take for different digits. May be
broken off at any time: the same command goes on.
"""

import argparse
import signal
import sys
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

from backends import load_backend, load_trained  # scripts/backends.py, beside this file
from child_processes import ended, has_finished, in_a_process, share_cores, start, stop
from trained_run import must_be_a_png

BACKENDS: tuple[Literal["torch", "keras"], ...] = ("torch", "keras")


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", metavar="NAME", default="article-3", help="default article-3")
    parser.add_argument("--epochs", type=int, metavar="N", help="instead of the preset's")
    parser.add_argument("--train-images", type=int, metavar="N", help="the first N; default 60000")
    parser.add_argument("--data-dir", type=Path, metavar="P")
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path("runs/float64"),
        metavar="DIR",
        help="folder of the checkpoints; default runs/float64",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.jsonl")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="the distances by step")
    return parser.parse_args()


def main() -> None:
    """Train and measure; exit with 1 and one sentence where that cannot be done."""
    options = arguments()
    from cnn_experiment import UserError

    try:
        measure(options)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
        sys.exit(130)


def measure(options: argparse.Namespace) -> None:
    """Train what --out lacks, and draw what is in it."""
    from cnn_experiment import UserError
    from cnn_experiment.atomic_file import write_atomically
    from measurements.whole_run import picture, read_distances

    must_be_a_png(options.plot, "plot")  # now, not after hours
    distances = read_distances(options.out)
    experiment = experiment_of(options)
    for each in distances:
        if each.experiment not in (None, experiment.with_changes(epochs=each.epoch)):
            raise UserError(f"out = {options.out}: it is of another run; accepted: a new file")
    if len(distances) > experiment.epochs:
        raise UserError(f"epochs = {experiment.epochs}: {options.out} has {len(distances)} already")
    if len(distances) < experiment.epochs:
        train_on(experiment, distances, options)
    if options.plot is not None:
        write_atomically(options.plot, picture(distances))


def train_on(experiment: Any, distances: list[Any], options: argparse.Namespace) -> None:
    """Bring both runs forward by an epoch, compare, and so on; add to the distances."""
    from cnn_experiment import RunFolder
    from measurements.circumstances import Circumstances
    from measurements.whole_run import epoch_distance
    from parity_tests.results import add_line

    folders = {name: RunFolder(options.runs / f"{options.preset}-{name}") for name in BACKENDS}
    for name in BACKENDS:
        if not distances:
            with folders[name].taken():
                if not folders[name].latest_file.exists():
                    folders[name].start(experiment, name)
        must_be_at(len(distances), folders[name], experiment)
    threads = share_cores(len(BACKENDS))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for epoch in range(len(distances) + 1, experiment.epochs + 1):
        train_both(experiment.with_changes(epochs=epoch), folders, options.data_dir)
        ours, theirs = (folders[name].read() for name in BACKENDS)
        distance = epoch_distance(ours, theirs)
        if epoch == experiment.epochs:
            guessed = guesses("torch", ours, options.data_dir)
            differ = int((guessed != guesses("keras", theirs, options.data_dir)).sum())
            distance = distance.with_changes(
                predictions=len(guessed),
                predictions_that_differ=differ,
                experiment=experiment,
                circumstances=Circumstances.here(("torch", "keras", "tensorflow"), threads),
            )
        add_line(options.out, distance)
        distances.append(distance)
        print(distance, flush=True)


def experiment_of(options: argparse.Namespace) -> Any:
    """The preset in float64, with the changes of the command line."""
    from cnn_experiment import preset

    changes: dict[str, Any] = {"dtype": "float64"}
    if options.epochs is not None:
        changes["epochs"] = options.epochs
    if options.train_images is not None:
        data = preset(options.preset).data
        changes["data"] = data.with_changes(train_images=options.train_images)
    return preset(options.preset).with_changes(**changes)


def must_be_at(epoch: int, folder: Any, experiment: Any) -> None:
    """Raise `UserError` unless the folder's state is of this run and no further than its lines."""
    from cnn_experiment import UserError

    if not folder.latest_file.exists():
        raise UserError(
            f"runs = {folder.path}: there is no state in it to go on from after epoch {epoch};"
            " accepted: the folder that belongs to --out, or a new --out"
        )
    state = folder.read()
    is_same = state.experiment.with_changes(epochs=experiment.epochs) == experiment
    if not is_same or state.epoch not in (epoch, epoch + 1):
        raise UserError(
            f"runs = {folder.path}: it holds {state} of another run; accepted: a new folder, or the"
            " one that belongs to --out"
        )


def train_both(until: Any, folders: dict[Any, Any], data_dir: Path | None) -> None:
    """Train both runs on to the end of an epoch, each in a process of its own."""
    under_way: list[BaseProcess] = []
    try:
        for name in BACKENDS:
            start(under_way, train_one, name, folders[name], until, data_dir)
        while under_way:
            if not all(map(has_finished, ended(under_way))):
                sys.exit(1)
    finally:
        stop(under_way)


def train_one(name: str, folder: Any, until: Any, data_dir: Path | None) -> None:
    """In a process of its own."""
    in_a_process(lambda: train(name, folder, until, data_dir), folder.path)


def train(name: str, folder: Any, until: Any, data_dir: Path | None) -> None:
    """Train on from the folder's state, which is kept there."""
    from cnn_experiment import FolderKeeper, load_mnist

    backend = load_backend(name)
    digits = load_mnist(until, data_dir)
    with folder.taken(), FolderKeeper(folder) as keeper:
        state = replace(folder.read(), experiment=until)
        backend.train(until, digits, start=state, keeper=keeper)


def guesses(name: str, state: Any, data_dir: Path | None) -> Any:
    """The digits that a backend with a state's weights takes the test images for."""
    from cnn_experiment import load_mnist

    backend, model = load_trained(name, state)
    return backend.predict(model, load_mnist(state.experiment, data_dir).test_images_nhwc).argmax(1)


if __name__ == "__main__":
    main()
