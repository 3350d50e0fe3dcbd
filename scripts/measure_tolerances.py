"""Measure what the ladder's float32 tolerances are derived from.

    python scripts/measure_tolerances.py one-step --steps 938 --out results/float32_one_step.csv
    python scripts/measure_tolerances.py envelope --steps 150 --out results/float32_envelope.csv

one-step: each step is taken by both frameworks from the same state, and by each once more from
weights moved by one ulp. A row a rung: the worst difference, relative to the tensor's scale,
between the frameworks and between each framework and itself.

envelope: many runs of each framework from starts one ulp apart. Groups are drawn from them again
and again, of one framework alone or of both, and judged as the ladder judges a port. A row a count
of twins: how far such groups go beyond, and how often they would be rejected.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

DRAWS = 10_000
FRAMEWORKS = ("torch", "keras")


def arguments() -> argparse.Namespace:
    """Read the command line; no framework is loaded for this."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("one-step", "envelope"))
    parser.add_argument("--preset", metavar="NAME", default="article-3-addendum")
    parser.add_argument("--steps", type=int, default=150, metavar="N", help="default 150")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument(
        "--runs", type=int, default=16, metavar="N", help="envelope: runs of each framework"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="a CSV file of the table")
    return parser.parse_args()


def main() -> None:
    """Measure, print and write."""
    options = arguments()
    from cnn_experiment import UserError, preset
    from cnn_experiment.atomic_file import write_table_atomically
    from parity_tests.small import short_epoch

    try:
        experiment = preset(options.preset).with_changes(dtype="float32", seed=options.seed)
        experiment = short_epoch(experiment, options.steps)
        rows: list[dict[str, str]] = []
        table = (
            one_step(experiment)
            if options.what == "one-step"
            else envelopes(experiment, options.runs)
        )
        for row in table:
            if not rows:
                print(" ".join(f"{name:>16}" for name in row))
            print(" ".join(f"{value:>16}" for value in row.values()), flush=True)
            rows.append(row)
        if options.out is not None:
            write_table_atomically(options.out, rows)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")


def one_step(experiment: Any) -> Iterable[dict[str, str]]:
    """Yield a row a rung."""
    from tqdm import tqdm

    from parity_tests.envelope import moved_by_one_ulp
    from parity_tests.evidence import OF_A_STEP, differences, of_step, teacher_forced
    from parity_tests.keras_implementation import KerasReference
    from parity_tests.torch_implementation import TorchPort

    port, reference = TorchPort(experiment), KerasReference(experiment)
    worst = {rung: {"both": 0.0, "torch": 0.0, "keras": 0.0} for rung in OF_A_STEP}
    total = experiment.steps_per_epoch
    for taken in tqdm(teacher_forced(reference), total=total, unit="step", disable=None):
        moved = taken._replace(state=moved_by_one_ulp(taken.state, taken.number))
        ours = taken.taken_by(port)
        twins = {
            "torch": (port, moved.taken_by(port)),
            "keras": (reference, moved.taken_by(reference)),
        }
        for rung in OF_A_STEP:
            here = {
                "torch": of_step(port, taken, ours, rung),
                "keras": of_step(reference, taken, taken.step, rung),
            }
            there = {name: of_step(side, moved, step, rung) for name, (side, step) in twins.items()}
            pairs = {
                "both": (here["torch"], here["keras"]),
                "torch": (there["torch"], here["torch"]),
                "keras": (there["keras"], here["keras"]),
            }
            for name, pair in pairs.items():
                relative = max(difference.relative for _, difference in differences(*pair))
                worst[rung][name] = max(worst[rung][name], relative)
    for rung, figures in worst.items():
        yield {
            "rung": rung,
            "torch and keras": f"{figures['both']:.1e}",
            "torch, one ulp": f"{figures['torch']:.1e}",
            "keras, one ulp": f"{figures['keras']:.1e}",
        }


def envelopes(experiment: Any, runs: int) -> Iterable[dict[str, str]]:
    """Yield a row a count of twins a side."""
    import numpy as np
    from tqdm import tqdm

    from parity_tests.envelope import envelope, log_distances, run, snapshots, twin_starts
    from parity_tests.keras_implementation import KerasReference
    from parity_tests.tolerances import ENVELOPE_EXCESS
    from parity_tests.torch_implementation import TorchPort

    port, reference = TorchPort(experiment), KerasReference(experiment)
    starts = twin_starts(reference, runs - 1)
    total = 2 * runs * experiment.steps_per_epoch
    with tqdm(total=total, unit="step", disable=None) as bar:
        paths = [run(side, start, bar.update) for side in (port, reference) for start in starts]
    distances, steps = log_distances(paths), snapshots(reference)
    source = np.random.RandomState(0)

    def excess(group: Any) -> float:
        return envelope(steps, distances[np.ix_(group, group)]).excess

    for twins in (2, 3, 4, 5, 7):
        size = twins + 1
        one = {name: [] for name in FRAMEWORKS}  # type: dict[str, list[float]]
        both = []
        for _ in range(DRAWS):
            for offset, name in enumerate(FRAMEWORKS):
                one[name].append(excess(offset * runs + source.permutation(runs)[: 2 * size]))
            same_starts = source.permutation(runs)[:size]
            both.append(excess(np.concatenate([same_starts, runs + same_starts])))
        columns = {"torch": one["torch"], "keras": one["keras"], "torch and keras": both}
        yield {"twins a side": str(twins)} | {
            f"{name}, {what}": text
            for name, values in columns.items()
            for what, text in (
                ("99.9 %", f"{np.quantile(values, 0.999):.2f}"),
                ("beyond", f"{np.mean(np.array(values) > ENVELOPE_EXCESS):.4f}"),
            )
        }


if __name__ == "__main__":
    main()
