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

from cnn_experiment.command_line import errors_as_one_sentence, must_be_at_least_one, parser_of
from measurements.accuracy.job import Places
from measurements.accuracy.plan import FILE, STUDIES, studies_of, train_in_order
from measurements.child_processes import jobs_of, stopping_as_one_sentence

RESULTS, RUNS = Path("results") / FILE, Path("runs/planned")
ALL = "".join(dict.fromkeys(study.letter for study in STUDIES))


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("--studies", default=ALL, metavar="LETTERS", help=f"default {ALL}; always in this order")
    add("--jobs", default="1", metavar="N", help="runs at a time; auto: one a core; default 1")
    add("--in-turn", type=int, default=1, metavar="N", help="runs of a process; default 1")
    add("--data-dir", type=Path, metavar="P")
    add("--results", type=Path, default=RESULTS, metavar="FILE", help=f"default {RESULTS}")
    add("--runs", type=Path, default=RUNS, metavar="DIR", help=f"checkpoints; default {RUNS}")
    return parser.parse_args()


def main() -> None:
    """Train what is missing; exit with status 1 if a run has failed."""
    options = arguments()
    with errors_as_one_sentence(), stopping_as_one_sentence():
        must_be_at_least_one(in_turn=options.in_turn)
        at_a_time = jobs_of(options.jobs)
        places = Places(options.results, options.runs, options.data_dir)
        studies = studies_of(options.studies)
        if not train_in_order(studies, places, at_a_time, options.in_turn):
            sys.exit(1)


if __name__ == "__main__":
    main()
