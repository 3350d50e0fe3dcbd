"""Kill trainings at random moments, resume each until it is done, and compare the results.

    python scripts/kill_test.py --backend torch --runs 200 --results runs/kill_test.jsonl

Each training is a process that runs `scripts/train.py` on MNIST and is ended with SIGKILL. Half of
the kills hit a training step, half a save, which is slowed down around each flush and rename. After
every kill the folder must hold a state that loads, or none if not even the first was saved. A run
is resumed and killed until two kills have hit the same epoch; then it may finish. Except for the
seconds in them, its files must then be equal, bit for bit, to those of a run that was never killed:
weights, optimizer state and history, latest and best. A run that has ended is a line and is not
repeated: for other code, name a new file. Exit status: 0 if all files are equal.
"""

import argparse
import json
import sys
from pathlib import Path

from cnn_experiment.atomic_file import write_json_atomically
from cnn_experiment.command_line import (
    errors_as_one_sentence,
    must_be_at_least_one,
    must_be_writable_file,
    parser_of,
)
from measurements.child_processes import stopping_as_one_sentence
from measurements.cluster import add_worker_options, workers_of
from tests.stress.killing import kill_missing


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("--backend", choices=("torch", "keras"), default="torch")
    add("--runs", type=int, default=200, metavar="N", help="default 200")
    add("--seed", type=int, default=0, metavar="S", help="decides the moments; default 0")
    add_worker_options(parser)
    add("--results", type=Path, required=True, metavar="FILE", help="a line for each run")
    add("--out", type=Path, metavar="FILE", help="write the counts of all as JSON")
    return parser.parse_args()


def main() -> None:
    """Do the runs; exit with status 1 if one of them failed, or its files are wrong."""
    options = arguments()
    with errors_as_one_sentence(), stopping_as_one_sentence():
        must_be_at_least_one(runs=options.runs)
        must_be_writable_file(options.out)
        to_do = options.backend, options.runs, options.seed, options.results
        result = kill_missing(*to_do, workers_of(options))
        if result is not None:
            print(json.dumps(result, indent=2))
            if options.out is not None:
                write_json_atomically(options.out, result)
    sys.exit(1 if result is None or result["wrong"] else 0)


if __name__ == "__main__":
    main()
