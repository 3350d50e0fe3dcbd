"""Measure the numbers that the tolerances of the parity ladder are derived from.

    python scripts/measure_tolerances.py one-step --steps 938 --out results/float32_one_step.csv
    python scripts/measure_tolerances.py envelope --steps 150 --out results/float32_envelope.csv
    python scripts/measure_tolerances.py trajectory --steps 60 --seeds 2

one-step, in float32: both frameworks take each step from the same state, and once more from weights
that are one ulp (unit in the last place) away. A row for each rung of the ladder: the worst
difference between the frameworks, and between the two steps of each framework.

envelope, in float32: many runs of each framework whose initial weights are one ulp apart, for
several seeds. Two groups of eight runs are drawn again and again, and judged as the ladder judges a
port. A row for each phase: how far apart the groups are, and how many would be rejected.

trajectory, in float64: PyTorch and a twin of Keras, one ulp away at the start, go their own way. A
row for each preset and seed: how far each of them is from Keras, and the ratio.
"""

import argparse
from pathlib import Path

from cnn_experiment import PRESETS, UserError
from cnn_experiment.atomic_file import write_table_atomically
from cnn_experiment.command_line import errors_as_one_sentence, must_be_writable_file, parser_of
from parity_ladder.tolerances import Precision
from parity_tests.parity_run import named_experiments


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("what", choices=("one-step", "envelope", "trajectory"))
    add(
        "--preset", metavar="NAME", help="default article-3-addendum; for trajectory all, and small"
    )
    add("--steps", type=int, default=150, metavar="N", help="at most; default 150")
    add("--seed", type=int, default=0, metavar="S", help="the first seed; default 0")
    add("--runs", type=int, default=24, metavar="N", help="envelope: runs a framework; default 24")
    add("--seeds", type=int, default=3, metavar="N", help="not one-step: seeds; default 3")
    add("--out", type=Path, metavar="FILE", help="write the table as CSV")
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
        default = (*PRESETS, "small") if dtype == "float64" else ("article-3-addendum",)
        names = (options.preset,) if options.preset else default
        seeds = range(options.seed, options.seed + options.seeds)
        experiments = named_experiments(names, seeds, dtype, options.steps)
        from measurements import ladder_tolerances as measured  # both frameworks

        tables = {
            "one-step": lambda: measured.one_step(next(iter(experiments.values()))),
            "envelope": lambda: measured.envelopes(list(experiments.values()), options.runs),
            "trajectory": lambda: measured.trajectory(experiments),
        }
        rows: list[measured.Row] = []
        for row in tables[options.what]():
            if not rows:
                print(" ".join(f"{name:>26}" for name in row))
            print(" ".join(f"{value:>26}" for value in row.values()), flush=True)
            rows.append(row)
        if options.out is not None:
            write_table_atomically(options.out, rows)


if __name__ == "__main__":
    main()
