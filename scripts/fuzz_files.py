"""Damage files of every kind that we open, thousands of times, and open them.

    python scripts/fuzz_files.py --files 10000 --out results/fuzz.json

Valid files are written once, the Keras ones by Keras itself. Each turn then damages one: it flips
bits; cuts, repeats or overwrites a part; writes a huge size, another dtype or another name; or
nests JSON deeply. The file must either open as a valid state or be refused with `UserError`.
Anything else is a failure: a crash, another error, more than 2 seconds of processor time, or more
memory than 4 times the file plus a fixed amount. Failures are printed with their number, and the
exit status is 1.
"""

import argparse
import json
import sys
from pathlib import Path

from cnn_experiment.atomic_file import write_json_atomically
from cnn_experiment.command_line import (
    errors_as_one_sentence,
    must_be_at_least_one,
    must_be_writable_file,
    parser_of,
)
from tests.stress.damaging import damage_and_open


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    parser.add_argument("--files", type=int, default=10_000, metavar="N", help="default 10000")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="decides the damage; default 0"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the counts as JSON")
    return parser.parse_args()


def main() -> None:
    """Damage and open files; exit with status 1 after a failure."""
    options = arguments()
    with errors_as_one_sentence():
        must_be_at_least_one(files=options.files)
        must_be_writable_file(options.out)
        result = damage_and_open(options.files, options.seed)
        print(json.dumps(result, indent=2))
        if options.out is not None:
            write_json_atomically(options.out, result)
    sys.exit(1 if result["failures"] else 0)


if __name__ == "__main__":
    main()
