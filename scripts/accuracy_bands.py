r"""Train a preset with many seeds and contestants, and compare the accuracies they reach.

    python scripts/accuracy_bands.py --preset article-2 --contestants keras,torch --seeds 30
    python scripts/accuracy_bands.py --analyse --json accuracy.json --plot accuracy.png

Runs are paired: a seed gives every contestant one split, initial weights and batches. A finished
run is a line and not repeated; a stopped one continues; torch-stock-rmsprop, a fault, begins anew.
"""

import argparse
import sys
from pathlib import Path

from cnn_experiment import UserError, preset
from cnn_experiment.command_line import errors_as_one_sentence, must_be_at_least_one, parser_of
from measurements.accuracy.job import Job, Places
from measurements.accuracy.runs import CONTESTANTS, DEVICES
from measurements.accuracy.study import contestants_of, train_missing
from measurements.child_processes import stopping_as_one_sentence
from measurements.cluster import WHO, add_worker_options, workers_of
from measurements.recipe import Recipe

PRESET, BOTH, SEEDS = "article-2", "keras,torch", 30
RESULTS, RUNS = Path("results/accuracy.jsonl"), Path("runs/accuracy")
FOR_TRAINING = ("epochs", "momentum", "train_images", "contestants", "device", "data_dir", *WHO)
FOR_ANALYSIS = ("json", "plot", "close")


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("--preset", metavar="NAME", help=f"default {PRESET}; with --analyse: all")
    add("--epochs", type=int, metavar="N", help="instead of the preset's")
    add("--momentum", type=float, metavar="M", help="instead of the preset's")
    add("--train-images", type=int, metavar="N", help="the first N; default 60000")
    add("--contestants", metavar="NAMES", help=f"of {', '.join(CONTESTANTS)}; default {BOTH}")
    add("--seeds", type=int, metavar="N", help=f"0 to N-1; default {SEEDS}; with --analyse: all")
    add("--device", choices=DEVICES, help="where the runs train; default cpu")
    add_worker_options(parser)
    add("--data-dir", type=Path, metavar="P")
    add("--results", type=Path, metavar="FILE", help=f"default {RESULTS}, and the plan's")
    add("--runs", type=Path, default=RUNS, metavar="DIR", help=f"checkpoints; default {RUNS}")
    add("--analyse", action="store_true", help="train nothing; print the comparisons")
    add("--json", type=Path, metavar="FILE", help="write the analysis as JSON")
    add("--plot", type=Path, metavar="FILE.png", help="draw the analysis")
    add("--close", metavar="LETTERS", help="analyse these studies of the plan, given up unfinished")
    return parser.parse_args()


def main() -> None:
    """Train or analyse; exit with status 1 and one sentence for wrong input."""
    options = arguments()
    name, seeds = options.preset or PRESET, options.seeds
    with errors_as_one_sentence(), stopping_as_one_sentence():
        for option in FOR_TRAINING if options.analyse else FOR_ANALYSIS:
            if getattr(options, option) is not None:
                use = "training" if options.analyse else "--analyse"
                raise UserError(f"--{option.replace('_', '-')} is for {use}")
        must_be_at_least_one(seeds=seeds)
        preset(name)  # raises `UserError` for an unknown name
        if options.analyse:
            from measurements.accuracy.report import report  # loads SciPy

            files = options.json, options.plot
            print(report(options.results, options.preset, seeds, *files, options.close or ""))
            return
        recipe = Recipe(name, options.epochs, options.momentum, options.train_images)
        places = Places(options.results or RESULTS, options.runs, options.data_dir)
        jobs = [
            Job(recipe, contestant, seed, places, options.device or "cpu")
            for seed in range(seeds or SEEDS)
            for contestant in contestants_of(options.contestants or BOTH)
        ]
        sys.exit(0 if train_missing(jobs, workers_of(options)) else 1)


if __name__ == "__main__":
    main()
