"""Time the training step against what else could be used, side by side.

    python scripts/benchmark.py --preset article-3-addendum --json results/benchmark.json

Every contestant has a process of its own with two threads, is warmed up, and then trains in turns,
in rounds of random order. A ratio is the median over the rounds of a peer's time over ours in the
same round, above 1 where we are faster, with a 95 % bootstrap interval; the control is a second
process of our own float32 step.
"""

import argparse
from pathlib import Path

from cnn_experiment.atomic_file import write_atomically, write_json_atomically
from cnn_experiment.command_line import (
    errors_as_one_sentence,
    must_be_at_least_one,
    must_be_writable_file,
    must_be_writable_picture,
    parser_of,
)
from measurements.benchmark import measure, tables


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("--preset", metavar="NAME", default="article-3-addendum")
    add("--steps", type=int, default=200, metavar="N", help="a turn; default 200")
    add("--rounds", type=int, default=20, metavar="R", help="default 20")
    peers = "keras,dataloader"
    add("--peers", default=peers, metavar="NAMES", help=f"default {peers}")
    add("--json", type=Path, metavar="FILE", help="the result for machines")
    add("--plot", type=Path, metavar="FILE", help="a picture of the ratios")
    return parser.parse_args()


def main() -> None:
    """Measure, print, write and draw; exit with 1 and one sentence where that cannot be done."""
    options = arguments()
    with errors_as_one_sentence():
        must_be_at_least_one(steps=options.steps, rounds=options.rounds)
        must_be_writable_file(options.json, "json")
        must_be_writable_picture(options.plot, endings=(".png", ".svg", ".pdf"))
        peers = [name for name in options.peers.split(",") if name]
        result = measure(options.preset, options.steps, options.rounds, peers)
        print(tables(result))
        if options.json is not None:
            write_json_atomically(options.json, result)
        if options.plot is not None:
            from measurements.ratio_pictures import of_benchmark, picture  # loads matplotlib

            write_atomically(options.plot, picture(of_benchmark(result), options.plot.suffix))


if __name__ == "__main__":
    main()
