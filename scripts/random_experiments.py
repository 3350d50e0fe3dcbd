"""Draw random experiments, and let both frameworks compute each: they must agree in every step.

    python scripts/random_experiments.py --experiments 10000 --jobs 2 --results runs/random.jsonl

The experiments are small and of the whole family: networks, optimizers, schedules, penalties and
batch sizes. They are done in blocks of 50, whose seeds count from --seed on. A block that was done
is a line and is not repeated: for other code, name a new file. Where one of its experiments fails,
the line has a small one that does, and where on the ladder it does; `twin-cnn parity --experiment
FILE --random-digits --steps 3` climbs it again. Exit status: 0 if none fails.
"""

import argparse
import sys
from pathlib import Path

from cnn_experiment.command_line import errors_as_one_sentence, must_be_at_least_one, parser_of
from measurements.child_processes import stopping_as_one_sentence
from measurements.cluster import add_worker_options, workers_of
from measurements.random_experiments import search_missing


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("--experiments", type=int, default=1000, metavar="N", help="default 1000")
    add("--seed", type=int, default=0, metavar="S", help="of the first block; default 0")
    add_worker_options(parser)
    add("--results", type=Path, required=True, metavar="FILE", help="a line for each block")
    return parser.parse_args()


def main() -> None:
    """Do the blocks; exit with status 1 if an experiment fails, or if a block could not be done."""
    options = arguments()
    with errors_as_one_sentence(), stopping_as_one_sentence():
        must_be_at_least_one(experiments=options.experiments)
        to_do = options.experiments, options.seed, options.results
        failed = search_missing(*to_do, workers_of(options))
    for block in failed or ():
        print(f"seed {block.seed}: {'; '.join(block.parts)}")
    if failed == []:
        print(f"{options.experiments} experiments: both frameworks agree in every step")
    sys.exit(0 if failed == [] else 1)


if __name__ == "__main__":
    main()
