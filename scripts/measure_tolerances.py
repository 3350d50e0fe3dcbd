"""Measure what the ladder's tolerances are derived from.

    python scripts/measure_tolerances.py one-step --steps 938 --out results/float32_one_step.csv
    python scripts/measure_tolerances.py envelope --steps 150 --out results/float32_envelope.csv
    python scripts/measure_tolerances.py trajectory --steps 938 --out results/float64_trajectory.csv

one-step, in float32: each step is taken by both frameworks from the same state, and by each once
more from weights moved by one ulp. A row for each rung: the worst difference between the
frameworks and between each framework and itself.

envelope, in float32: many runs of each framework from starts one ulp apart, for several seeds. Two
groups of eight are drawn from them again and again, and judged as the ladder judges a port. A row
for each phase: how far such groups go beyond each other, and how many would be rejected.

trajectory, in float64: both frameworks go their own ways, and so does a twin of Keras that begins
one ulp away. A row for each preset and seed: how many times as far as the twin the port parts.
"""

import argparse
from pathlib import Path

from tabulate import tabulate

from cnn_experiment import PRESETS, UserError, preset
from cnn_experiment.atomic_file import write_table_atomically
from cnn_experiment.command_line import errors_as_one_sentence, must_be_writable_file, parser_of
from parity_ladder.tolerances import Precision
from parity_tests.parity_run import for_a_climb, most_steps


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("what", choices=("one-step", "envelope", "trajectory"))
    add("--preset", metavar="NAME", default="article-3-addendum", help="trajectory: all of them")
    add("--steps", type=int, default=150, metavar="N", help="at most; default 150")
    add("--seed", type=int, default=0, metavar="S", help="the first one")
    add("--runs", type=int, default=24, metavar="N", help="envelope: runs of each framework")
    add("--seeds", type=int, default=3, metavar="N", help="envelope, trajectory: so many seeds")
    add("--out", type=Path, metavar="FILE", help="a CSV file of the table")
    return parser.parse_args()


def main() -> None:
    """Measure, print and write."""
    options = arguments()
    with errors_as_one_sentence():
        if options.runs < 16:
            raise UserError(f"runs = {options.runs}: accepted: 16 or more, two groups of 8")
        if options.seeds < 1:
            raise UserError(f"seeds = {options.seeds}: accepted: 1 or more")
        must_be_writable_file(options.out)
        dtype: Precision = "float64" if options.what == "trajectory" else "float32"
        names = PRESETS if dtype == "float64" else (options.preset,)
        experiments = {
            f"{name}, seed {seed}": for_a_climb(
                preset(name), dtype, min(options.steps, most_steps(preset(name))), seed
            )
            for name in names
            for seed in range(options.seed, options.seed + options.seeds)
        }
        from measurements import ladder_tolerances as measured  # both frameworks

        match options.what:
            case "one-step":
                rows = list(measured.one_step(next(iter(experiments.values()))))
            case "envelope":
                rows = list(measured.envelopes(list(experiments.values()), options.runs))
            case _:
                rows = list(measured.trajectory(experiments))
        print(tabulate(rows, headers="keys", disable_numparse=True))
        if options.out is not None:
            write_table_atomically(options.out, rows)


if __name__ == "__main__":
    main()
