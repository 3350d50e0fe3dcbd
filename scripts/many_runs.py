"""Measure how many runs of the accuracy study an hour gives, by the number of jobs at a time.

    python scripts/many_runs.py --out results/many_runs.csv

Each number of jobs trains the same runs in each round, in random order. The jobs share the cores:
one job has all of them as threads, and with more jobs than cores each has one thread. The start of
each process counts.
"""

import argparse
from pathlib import Path

from tabulate import tabulate

from cnn_experiment.atomic_file import write_table_atomically
from cnn_experiment.command_line import (
    errors_as_one_sentence,
    must_be_at_least_one,
    must_be_writable_file,
    parser_of,
    whole_numbers,
)
from measurements.accuracy.study import contestants_of
from measurements.child_processes import stopping_as_one_sentence
from measurements.many_runs import many_runs
from measurements.recipe import Recipe


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("--preset", metavar="NAME", default="article-2", help="default article-2")
    add("--epochs", type=int, default=1, metavar="N", help="of each run; default 1")
    add("--train-images", type=int, metavar="N", help="the first N; default 60000")
    add("--contestants", metavar="NAMES", default="torch,keras", help="default torch,keras")
    add("--jobs", type=whole_numbers, default=[1, 2, 4], metavar="N,...", help="default 1,2,4")
    add("--runs", type=int, default=4, metavar="N", help="in a turn; default 4")
    add("--rounds", type=int, default=5, metavar="N", help="default 5")
    add("--out", type=Path, metavar="FILE", help="write the table as CSV")
    return parser.parse_args()


def main() -> None:
    """Measure, print and write; exit with status 1 and one sentence for wrong input."""
    options = arguments()
    with errors_as_one_sentence(), stopping_as_one_sentence("stopped; nothing is written"):
        must_be_at_least_one(runs=options.runs, rounds=options.rounds)
        must_be_writable_file(options.out)
        recipe = Recipe(options.preset, options.epochs, train_images=options.train_images)
        contestants = contestants_of(options.contestants)
        rows = many_runs(recipe, contestants, options.jobs, options.runs, options.rounds)
        print(tabulate(rows, headers="keys"))
        if options.out is not None:
            write_table_atomically(options.out, rows)


if __name__ == "__main__":
    main()
