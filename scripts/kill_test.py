"""Kill trainings at random moments, resume each until it is done, and compare with one left alone.

    python scripts/kill_test.py --backend torch --runs 200 --out results/kill_test_torch.json

Each training is a process of its own that does what `scripts/train.py` does, on real images, and
is ended with SIGKILL: half of the kills fall into a step, half into a save, which is slowed down
for it around each flush and rename. After every kill the folder must hold a state that loads (or
none, where not even the first was kept). A run is resumed and killed until two kills fell into one
epoch; then it may finish. Its files, but for the seconds in them, must be those of the run that was
left alone, bit for bit: weights, optimizer state and history, latest and best. Exit status: 0 where
all were.
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
    """Read the command line; no framework is loaded for this."""
    parser = parser_of(__doc__)
    parser.add_argument("--backend", choices=("torch", "keras"), default="torch")
    parser.add_argument("--runs", type=int, default=200, metavar="N", help="default 200")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the moments")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the counts as JSON")
    return parser.parse_args()


def main() -> None:
    """Run the trainings; exit with 1 where one of them is not what it should be."""
    options = arguments()
    with errors_as_one_sentence():
        must_be_at_least_one(runs=options.runs)
        must_be_writable_file(options.out)
        # Read as a framework is loaded: a process that is forked from its threads could hang.
        os.environ["OMP_NUM_THREADS"] = os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
        result = kill_runs(options.backend, options.runs, options.seed)
        print(json.dumps(result, indent=2))
        if options.out is not None:
            write_json_atomically(options.out, result)
    sys.exit(1 if result["wrong"] else 0)


if __name__ == "__main__":
    main()
