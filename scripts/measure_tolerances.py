"""Measure what the ladder's float32 tolerances are derived from.

    python scripts/measure_tolerances.py one-step --steps 938 --out results/float32_one_step.csv
    python scripts/measure_tolerances.py envelope --steps 150 --out results/float32_envelope.csv

one-step: each step is taken by both frameworks from the same state, and by each once more from
weights moved by one ulp. A row a rung: the worst difference, relative to the tensor's scale,
between the frameworks and between each framework and itself.

envelope: many runs of each framework from starts one ulp apart, for several seeds. Two groups of
eight are drawn from them again and again, of one framework alone or of both, and judged as the
ladder judges a port. A row a phase of the run: how far such groups go beyond each other, and how
many would be rejected. The draws overlap, so the count is an estimate.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

DRAWS = 10_000


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
        "--runs", type=int, default=24, metavar="N", help="envelope: runs of each framework"
    )
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="envelope: so many seeds")
    parser.add_argument("--out", type=Path, metavar="FILE", help="a CSV file of the table")
    return parser.parse_args()


def main() -> None:
    """Measure, print and write."""
    options = arguments()
    from cnn_experiment import UserError
    from cnn_experiment.atomic_file import write_table_atomically

    try:
        if options.runs < 16:
            raise UserError(f"runs = {options.runs}: accepted: 16 or more, two groups of 8")
        rows: list[dict[str, str]] = []
        table = one_step(options) if options.what == "one-step" else envelopes(options)
        for row in table:
            if not rows:
                print(" ".join(f"{name:>16}" for name in row))
            print(" ".join(f"{value:>16}" for value in row.values()), flush=True)
            rows.append(row)
        if options.out is not None:
            write_table_atomically(options.out, rows)
    except (UserError, OSError) as error:
        sys.exit(f"error: {error}")


def experiment_of(options: argparse.Namespace, seed: int) -> Any:
    """Return the preset in float32, with so many steps an epoch."""
    from cnn_experiment import preset
    from parity_tests.small import short_epoch

    experiment = preset(options.preset).with_changes(dtype="float32", seed=seed)
    return short_epoch(experiment, options.steps)


def one_step(options: argparse.Namespace) -> Iterable[dict[str, str]]:
    """Yield a row a rung."""
    from tqdm import tqdm

    from parity_tests.envelope import moved_by_one_ulp
    from parity_tests.evidence import OF_A_STEP, differences, of_step, teacher_forced
    from parity_tests.keras_implementation import KerasReference
    from parity_tests.torch_implementation import TorchPort

    experiment = experiment_of(options, options.seed)
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


def envelopes(options: argparse.Namespace) -> Iterable[dict[str, str]]:
    """Yield a row a kind of group and a phase."""
    import numpy as np
    from tqdm import tqdm

    from parity_tests.envelope import (
        PHASES,
        envelope,
        log_distances,
        run,
        snapshots,
        twin_starts,
    )
    from parity_tests.keras_implementation import KerasReference
    from parity_tests.tolerances import ENVELOPE_EXCESS, TWINS
    from parity_tests.torch_implementation import TorchPort

    runs, size = options.runs, TWINS + 1
    drawn: dict[str, list[dict[str, float]]] = {"torch": [], "keras": [], "torch and keras": []}
    for seed in range(options.seed, options.seed + options.seeds):
        experiment = experiment_of(options, seed)
        port, reference = TorchPort(experiment), KerasReference(experiment)
        starts = twin_starts(reference, runs - 1)
        total = 2 * runs * experiment.steps_per_epoch
        with tqdm(total=total, desc=f"seed {seed}", unit="step", disable=None) as bar:
            paths = [run(side, start, bar.update) for side in (port, reference) for start in starts]
        distances, steps = log_distances(paths), snapshots(reference)
        source = np.random.RandomState(seed)
        for _ in range(DRAWS):
            same_starts = source.permutation(runs)[:size]
            groups = {
                "torch": source.permutation(runs)[: 2 * size],
                "keras": runs + source.permutation(runs)[: 2 * size],
                "torch and keras": np.concatenate([same_starts, runs + same_starts]),
            }
            for name, group in groups.items():
                judged = envelope(steps, distances[np.ix_(group, group)])
                drawn[name].append(judged.excess)
    for name, excesses in drawn.items():
        for phase in PHASES:
            values = np.array([excess[phase] for excess in excesses])
            limit = ENVELOPE_EXCESS[phase]
            yield {
                "runs of": name,
                "phase": phase,
                "median": f"{np.median(values):.2f}",
                "99.9 %": f"{np.quantile(values, 0.999):.2f}",
                "limit": f"{limit:.2f}",
                "groups": str(len(values)),
                "beyond": str(int((values > limit).sum())),
            }


if __name__ == "__main__":
    main()
