"""Measure what data-parallel training costs on this machine, by processes and by batch size.

    python scripts/ranks_cost.py --out results/ranks_cost.csv

Each group of processes trains the same steps in each round, in random order, with gloo. Its speed
is compared with one process of one thread. Steps with and without the exchange take turns: what the
second lack is the exchange, the wait for other processes included.
"""

import argparse
from pathlib import Path

from tabulate import tabulate

from cnn_experiment import preset
from cnn_experiment.atomic_file import write_table_atomically
from cnn_experiment.command_line import (
    errors_as_one_sentence,
    must_be_at_least_one,
    must_be_writable_file,
    parser_of,
    whole_numbers,
)
from measurements.child_processes import cores, stopping_as_one_sentence


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("--preset", metavar="NAME", default="article-3-addendum", help="default %(default)s")
    add("--processes", type=whole_numbers, default=[2, 4], metavar="N,...", help="default 2,4")
    add("--batch-sizes", type=whole_numbers, default=[16, 64, 256, 1024], metavar="N,...")
    add("--rounds", type=int, default=5, metavar="N", help="default %(default)s")
    add("--out", type=Path, metavar="FILE", help="write the table as CSV")
    return parser.parse_args()


def main() -> None:
    """Measure, print and write."""
    options = arguments()
    with errors_as_one_sentence(), stopping_as_one_sentence("stopped; nothing is written"):
        counts = {
            f"each of {name}": min(getattr(options, name)) for name in ("processes", "batch_sizes")
        }
        must_be_at_least_one(rounds=options.rounds, **counts)
        must_be_writable_file(options.out)
        experiment = preset(options.preset)
        from measurements.ranks_cost import ranks_cost  # loads PyTorch

        with_threads = [(1, 1), *([(1, cores())] if cores() > 1 else [])]
        groups = [*with_threads, *((count, 1) for count in options.processes if count > 1)]
        rows = ranks_cost(experiment, groups, options.batch_sizes, options.rounds)
        print(tabulate(rows, headers="keys"))
        if options.out is not None:
            write_table_atomically(options.out, rows)


if __name__ == "__main__":
    main()
