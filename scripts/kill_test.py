"""Kill trainings at random moments, resume each until it is done, and compare the results.

    python scripts/kill_test.py --backend torch --runs 200 --out results/kill_test_torch.json

Each training is a process that runs `scripts/train.py` on MNIST and is ended with SIGKILL. Half of
the kills hit a training step, half a save, which is slowed down around each flush and rename. After
every kill the folder must hold a state that loads, or none if not even the first was saved. A run
is resumed and killed until two kills have hit the same epoch; then it may finish. Except for the
seconds in them, its files must then be equal, bit for bit, to those of a run that was never killed:
weights, optimizer state and history, latest and best. Exit status: 0 if all of them are.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from cnn_experiment.atomic_file import write_json_atomically
from cnn_experiment.command_line import (
    errors_as_one_sentence,
    must_be_at_least_one,
    must_be_writable_file,
    parser_of,
)
from tests.stress.killing import kill_runs


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    parser.add_argument("--backend", choices=("torch", "keras"), default="torch")
    parser.add_argument("--runs", type=int, default=200, metavar="N", help="default 200")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="decides the moments; default 0"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the counts as JSON")
    return parser.parse_args()


def main() -> None:
    """Run the trainings; exit with status 1 if the files of one of them are wrong."""
    options = arguments()
    with errors_as_one_sentence():
        must_be_at_least_one(runs=options.runs)
        must_be_writable_file(options.out)
        # Before a framework is loaded: with several threads, a forked process could hang.
        os.environ["OMP_NUM_THREADS"] = os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
        result = kill_runs(options.backend, options.runs, options.seed)
        print(json.dumps(result, indent=2))
        if options.out is not None:
            write_json_atomically(options.out, result)
    sys.exit(1 if result["wrong"] else 0)


if __name__ == "__main__":
    main()
