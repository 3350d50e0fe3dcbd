r"""Train the runs that results/PLAN.md plans, in its order, each with one thread.

    OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 \
        nice -n 19 python scripts/planned_runs.py

Every finished run becomes a line in the results file and is not repeated. The command may be
stopped at any time; the same command continues. It prints the last epoch of each finished run,
which the plan says not to look at before the study has all its runs: send it to a file.
"""

import argparse
import sys
from pathlib import Path

from cnn_experiment.command_line import errors_as_one_sentence, parser_of
from measurements.accuracy.job import Places
from measurements.accuracy.plan import FILE, STUDIES, studies_of, train_in_order
from measurements.child_processes import stopping_as_one_sentence
from measurements.cluster import add_worker_options, workers_of

RESULTS, RUNS = Path("results") / FILE, Path("runs/planned")
ALL = "".join(dict.fromkeys(study.letter for study in STUDIES))


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("--studies", default=ALL, metavar="LETTERS", help=f"default {ALL}; always in this order")
    add_worker_options(parser)
    add("--data-dir", type=Path, metavar="P")
    add("--results", type=Path, default=RESULTS, metavar="FILE", help=f"default {RESULTS}")
    add("--runs", type=Path, default=RUNS, metavar="DIR", help=f"checkpoints; default {RUNS}")
    return parser.parse_args()


def main() -> None:
    """Train what is missing; exit with status 1 if a run has failed."""
    options = arguments()
    with errors_as_one_sentence(), stopping_as_one_sentence():
        workers = workers_of(options)
        places = Places(options.results, options.runs, options.data_dir)
        if not train_in_order(studies_of(options.studies), places, workers):
            sys.exit(1)


if __name__ == "__main__":
    main()
