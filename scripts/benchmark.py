"""Measure the time of our training step and of its peers: other ways to train the same network.

    python scripts/benchmark.py --json results/benchmark.json
    python scripts/benchmark.py --load 2,4 --json results/benchmark_load.json

Every contestant is a process with two threads. After a warm-up the contestants train in turns, in
random order in each round. A ratio is a peer's time divided by ours in the same round: the median
over the rounds, with a 95 % bootstrap interval. Above 1 we are faster. The control is a second
process of our own float32 step.

With --load, each contestant also takes a turn beside so many busy processes in each round. Its
slowdown is its time there over its time alone, in the same round.
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
    whole_numbers,
)
from cnn_experiment.errors import UserError
from measurements.benchmark import measure, tables
from measurements.load import load_table, measure_under_load


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("--preset", metavar="NAME", default="article-3-addendum")
    add("--steps", type=int, default=200, metavar="N", help="steps in a turn; default 200")
    add("--rounds", type=int, default=20, metavar="R", help="default 20")
    peers = "keras,dataloader"
    add("--peers", default=peers, metavar="NAMES", help=f"default {peers}")
    add("--load", type=whole_numbers, metavar="N,...", help="busy processes, such as 2,4")
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    add("--plot", type=Path, metavar="FILE", help="draw the ratios")
    return parser.parse_args()


def main() -> None:
    """Measure, print, write and draw; exit with status 1 and one sentence for wrong input."""
    options = arguments()
    with errors_as_one_sentence():
        must_be_at_least_one(steps=options.steps, rounds=options.rounds)
        must_be_writable_file(options.json, "json")
        must_be_writable_picture(options.plot, endings=(".png", ".svg", ".pdf"))
        peers = [name for name in options.peers.split(",") if name]
        setting = (options.preset, options.steps, options.rounds, peers)
        if options.load is not None:
            if options.plot is not None:
                raise UserError(f"plot = {options.plot}: accepted: without --load")
            loaded = measure_under_load(*setting, options.load)
            print(load_table(loaded))
        else:
            result = measure(*setting)
            print(tables(result))
        if options.json is not None:
            write_json_atomically(options.json, result if options.load is None else loaded)
        if options.plot is not None:
            from measurements.ratio_pictures import of_benchmark, picture  # loads matplotlib

            write_atomically(options.plot, picture(of_benchmark(result), options.plot.suffix))


if __name__ == "__main__":
    main()
