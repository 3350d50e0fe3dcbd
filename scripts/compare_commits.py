"""Does a change leave every computation alone? Train two commits, and compare to the last bit.

    python scripts/compare_commits.py 1908af3 HEAD

Each commit is checked out in a folder of its own and trains every preset in float64 in both
backends, for one epoch of 20 batches. Every batch's running loss, the epoch's record and the final
weights have to be the same in all bits. Prints a line a run; exits with 1 where something differs.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tabulate import tabulate

from cnn_experiment.command_line import parser_of

TRAIN = """
import hashlib, sys
from importlib import import_module
from cnn_experiment import PRESETS, load_mnist

class Losses:
    def __init__(self):
        self.seen = []
    def batches_done(self, count, loss, accuracy):
        self.seen.append((count, loss.hex(), accuracy.hex()))
    def epoch_done(self, record):
        self.seen.append(tuple(v for k, v in record.model_dump().items() if k != "seconds"))

for backend_name in ("torch_cnn", "keras_ref"):
    backend = import_module(backend_name)
    for name, experiment in PRESETS.items():
        data = experiment.data.with_changes(
            train_images=20 * experiment.batch_size, test_images=500
        )
        experiment = experiment.with_changes(data=data, dtype="float64", epochs=1)
        losses = Losses()
        digits = load_mnist(experiment)
        model, _ = backend.train(experiment, digits, device="cpu", watchers=(losses,))
        weights = hashlib.sha256()
        for variable, array in sorted(backend.neutral_weights(model).items()):
            weights.update(variable.encode() + array.tobytes())
        seen = hashlib.sha256(repr(losses.seen).encode()).hexdigest()
        print("RUN", backend_name, name, len(losses.seen) - 1, seen, weights.hexdigest())
"""


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    parser = parser_of(__doc__)
    parser.add_argument("before", metavar="COMMIT")
    parser.add_argument("after", metavar="COMMIT")
    return parser.parse_args()


def main() -> None:
    """Train both commits and compare."""
    options = arguments()
    before, after = (trained(commit) for commit in (options.before, options.after))
    rows = [
        (*run, steps, "the same" if after.get(run) == (steps, *hashes) else "DIFFERS")
        for run, (steps, *hashes) in before.items()
    ]
    print(tabulate(rows, ["backend", "preset", "losses seen", "losses and weights"]))
    sys.exit(0 if before and before == after else 1)


def trained(commit: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return, by backend and preset, the count of losses and the sums of losses and weights."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--detach", tree, commit], check=True)  # noqa: S603, S607
        try:
            done = subprocess.run(  # noqa: S603 - our own code
                [sys.executable, "-c", TRAIN], cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)},
                stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], check=True)  # noqa: S603, S607
    words = [line.split() for line in done.stdout.splitlines() if line.startswith("RUN ")]
    return {(backend, name): tuple(found) for _, backend, name, *found in words}


if __name__ == "__main__":
    main()
