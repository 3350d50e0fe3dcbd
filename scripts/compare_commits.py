"""Check that a change alters no computation: train two commits, and compare to the last bit.

    python scripts/compare_commits.py 1908af3 HEAD

Each commit is checked out in a temporary folder and trains 20 float64 steps of every preset in
both backends (measurements/float64_steps.py). Every loss and the final weights have to be the same
in all bits. Prints a line for each run; exits with status 1 if something differs.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tabulate import tabulate

from cnn_experiment import UserError
from cnn_experiment.command_line import errors_as_one_sentence, parser_of

STEPS = Path(__file__).parents[1] / "measurements" / "float64_steps.py"
Runs = dict[tuple[str, str], list[str]]
"""By backend and preset: the number of losses, their hash, and the hash of the weights."""


def arguments() -> argparse.Namespace:
    """Read the command line without loading a framework."""
    parser = parser_of(__doc__)
    parser.add_argument("before", metavar="COMMIT")
    parser.add_argument("after", metavar="COMMIT")
    return parser.parse_args()


def main() -> None:
    """Train both commits and compare."""
    options = arguments()
    with errors_as_one_sentence():
        before, after = runs_of(options.before), runs_of(options.after)
    rows = [
        (*run, "the same" if before.get(run) == after.get(run) else "DIFFERS")
        for run in dict.fromkeys([*before, *after])
    ]
    print(tabulate(rows, ["backend", "preset", "losses and weights"]))
    sys.exit(0 if before and before == after else 1)


def runs_of(commit: str) -> Runs:
    """Train a commit in a temporary folder, and return its checksums."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git("worktree", "add", "--detach", str(tree), commit)
        try:
            done = subprocess.run(  # noqa: S603 - our own file
                [sys.executable, STEPS],
                cwd=tree,
                env=os.environ | {"PYTHONPATH": str(tree)},
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
        finally:
            git("worktree", "remove", "--force", str(tree))
    if done.returncode:
        raise UserError(f"{commit}: its training ended with status {done.returncode}")
    words = [line.split() for line in done.stdout.splitlines() if line.startswith("RUN ")]
    return {(backend, name): sums for _, backend, name, *sums in words}


def git(*words: str) -> None:
    """Run git; if it fails, raise `UserError` with its last line."""
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)  # noqa: S603, S607
    if done.returncode:
        raise UserError(f"git {words[0]}: {done.stderr.strip().splitlines()[-1]}")


if __name__ == "__main__":
    main()
