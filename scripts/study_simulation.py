"""Simulate a study of many runs: what it costs beside the trainings to give out and write runs.

    python scripts/study_simulation.py --runs 10000 --jobs 2 --out results/study_simulation.csv

The runs train nothing and are ready at once. As in the accuracy study, each is a task of Dask,
comes back to this process, and becomes a line of the results.
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
)
from measurements.child_processes import stopping_as_one_sentence
from measurements.cluster import add_worker_options, workers_of
from measurements.study_simulation import written


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    parser.add_argument("--runs", type=int, default=10_000, metavar="N", help="default 10000")
    add_worker_options(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table as CSV")
    return parser.parse_args()


def main() -> None:
    """Simulate, print and write."""
    options = arguments()
    with errors_as_one_sentence(), stopping_as_one_sentence("stopped; nothing is written"):
        must_be_at_least_one(runs=options.runs)
        must_be_writable_file(options.out)
        rows = list(written(options.runs, workers_of(options)))
        print(tabulate(rows, headers="keys"))
        if options.out is not None:
            write_table_atomically(options.out, rows)


if __name__ == "__main__":
    main()
