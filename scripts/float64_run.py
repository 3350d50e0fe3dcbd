"""Train a whole published run in float64 in both frameworks, and measure how far apart they are.

    python scripts/float64_run.py --preset article-3 --out results/float64_article-3.jsonl

Both start with the same weights and train on the same batches; they have nothing else in common.
Every epoch adds a line with the largest difference of a weight and the differences of the losses.
The last line also counts the test images for which they predict different digits. The command may
be stopped at any time; the same command continues.
"""

import argparse
from pathlib import Path

from cnn_experiment.atomic_file import write_atomically
from cnn_experiment.command_line import (
    errors_as_one_sentence,
    must_be_a_folder,
    must_be_writable_picture,
    parser_of,
)
from measurements.child_processes import stopping_as_one_sentence
from measurements.json_lines import must_be_a_file_of_lines
from measurements.recipe import Recipe
from measurements.side_by_side import must_belong_to, run_folders, train_on
from measurements.whole_run import picture, read_distances

RUNS = Path("runs/float64")


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("--preset", metavar="NAME", default="article-3", help="default article-3")
    add("--epochs", type=int, metavar="N", help="instead of the preset's")
    add("--train-images", type=int, metavar="N", help="the first N; default 60000")
    add("--data-dir", type=Path, metavar="P")
    checkpoints = f"folder of the checkpoints; default {RUNS}"
    add("--runs", type=Path, default=RUNS, metavar="DIR", help=checkpoints)
    add("--out", type=Path, required=True, metavar="FILE.jsonl")
    add("--plot", type=Path, metavar="FILE.png", help="draw the distances by step")
    return parser.parse_args()


def main() -> None:
    """Train the missing epochs, and draw; exit with status 1 and one sentence for wrong input."""
    options = arguments()
    with errors_as_one_sentence(), stopping_as_one_sentence():
        must_be_a_file_of_lines(options.out, "out")
        must_be_a_folder(options.runs, "runs")
        must_be_a_folder(options.data_dir, "data_dir")
        must_be_writable_picture(options.plot)
        recipe = Recipe(options.preset, options.epochs, train_images=options.train_images)
        experiment = recipe.experiment.with_changes(dtype="float64")
        distances = read_distances(options.out)
        must_belong_to(experiment, distances, options.out)
        folders = run_folders(options.runs, options.preset)
        done = len(distances)
        for distance in train_on(experiment, done, folders, options.out, options.data_dir):
            distances.append(distance)
            print(distance, flush=True)
        if options.plot is not None:
            write_atomically(options.plot, picture(distances))


if __name__ == "__main__":
    main()
