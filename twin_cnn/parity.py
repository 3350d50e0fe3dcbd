"""Climb the parity ladder: compare a PyTorch port with Keras, and name the first difference.

    twin-cnn parity --preset article-3-addendum --dtype float64 --steps 200
    twin-cnn parity --mutant "rho 0.99" --steps 6
    twin-cnn parity --list-mutants
    twin-cnn parity --reference mine:keras_model --port mine:port --batches mine:batches

Prints a line for each rung (each comparison), and writes parity.json into --out. Exits with 0 only
if every judged rung holds. The last form takes your own model and port, here from mine.py.
"""

import argparse
import sys

from tqdm import tqdm

from cnn_experiment.command_line import (
    add_experiment_options,
    errors_as_one_sentence,
    experiment_of,
    folder,
    parser_of,
)
from parity_ladder.tolerances import TWINS
from parity_tests import own_port_run, parity_run


def parser_of_options() -> argparse.ArgumentParser:
    """Return the command line's options; this loads no framework."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add_experiment_options(parser, "article-3-addendum")
    add("--dtype", choices=("float64", "float32"), default="float64")
    add("--steps", type=int, default=100, metavar="N", help="one epoch of N batches; default 100")
    add("--twins", type=int, default=TWINS, metavar="N", help=f"float32: twins a side; {TWINS}")
    add("--mutant", metavar="NAME", help="plant this known difference in the port")
    add("--seed", type=int, metavar="S")
    add("--device", choices=("auto", "cpu", "cuda"), default="cpu")
    add("--random-digits", action="store_true", help="random images instead of MNIST's")
    add("--list-mutants", action="store_true", help="list the known differences")
    add("--out", type=folder, metavar="DIR", help="folder for parity.json")
    add("--report", action="store_true", help="write the climb as a page, report.html, there too")
    own_port_run.add_options(parser)
    return parser


def main() -> None:
    """Climb as the command line says."""
    parser = parser_of_options()
    options = parser.parse_args()
    with errors_as_one_sentence():
        if options.list_mutants:
            parity_run.list_mutants()
        else:
            is_own = own_port_run.is_asked_for(options)
            sys.exit(own_port_run.climb(options, parser) if is_own else climb(options))


def climb(options: argparse.Namespace) -> int:
    """Compare, print and write; return the exit status."""
    parity_run.must_be_writable(options.out, with_report=options.report)
    result = parity_run.ParityRun(
        preset=None if options.experiment else options.preset,
        experiment=parity_run.for_a_climb(
            experiment_of(options), options.dtype, options.steps, options.seed
        ),
        mutant=options.mutant,
        twins=options.twins,
        device=options.device,
        random_digits=options.random_digits,
    ).climb(on_rung=lambda rung: tqdm.write(str(rung)))
    if options.out is not None:
        parity_run.write(options.out, result, with_report=options.report)
    print(parity_run.verdict(result))
    return 0 if result.holds else 1


if __name__ == "__main__":
    main()
