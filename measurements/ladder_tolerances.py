"""The measurements behind the ladder's tolerances: both frameworks, and each against itself.

Each function yields the rows of a table.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from cnn_experiment import Experiment
from parity_ladder import Arrays, Step
from parity_ladder.comparison import differences
from parity_ladder.rungs import IN_A_STEP, Forced, teacher_forced
from parity_ladder.tolerances import ENVELOPE_EXCESS, TWINS
from parity_ladder.trajectory import FreeRun
from parity_ladder.twins import (
    PHASES,
    envelope,
    log_distances,
    moved_by_one_ulp,
    run,
    snapshots,
    start_of,
    twin_starts,
)
from parity_tests.digit_batches import DigitBatch
from parity_tests.keras_side import KerasReference
from parity_tests.torch_side import TorchPort

DRAWS = 10_000
Row = Mapping[str, str]


def one_step(experiment: Experiment) -> Iterator[Row]:
    """Take each step in both frameworks from the same state, and again from one ulp away.

    A row for each rung: the worst relative difference between the frameworks, and between the two
    steps of each framework.
    """
    port, reference = TorchPort(experiment), KerasReference(experiment)
    pairs = ("torch and keras", "torch, one ulp", "keras, one ulp")
    worst = {rung.name: dict.fromkeys(pairs, 0.0) for rung in IN_A_STEP}
    batches = reference.first_epoch()
    for forced in tqdm(
        teacher_forced(reference, batches), total=len(batches), unit="step", disable=None
    ):
        moved = forced._replace(state=moved_by_one_ulp(forced.state, forced.number))
        ours, theirs = _shown(port, forced), _shown(reference, forced, forced.step)
        our_twin, their_twin = _shown(port, moved), _shown(reference, moved)
        for name, of_rung in worst.items():
            compared = (ours, theirs), (our_twin, ours), (their_twin, theirs)
            for pair, (one, other) in zip(pairs, compared, strict=True):
                apart = (d.relative for _, d in differences(one[name], other[name]))
                of_rung[pair] = max(of_rung[pair], *apart)
    for name, of_rung in worst.items():
        yield {"rung": name} | {pair: f"{value:.1e}" for pair, value in of_rung.items()}


def _shown(
    side: TorchPort | KerasReference, forced: Forced[DigitBatch], taken: Step | None = None
) -> dict[str, Arrays]:
    """Return what a side shows on each rung in a step; `taken` is the step if it is known."""
    step = taken or side.step(forced.state, forced.batch)
    return {rung.name: rung.show(side, forced, step) or {} for rung in IN_A_STEP}


def trajectory(experiments: Mapping[str, Experiment]) -> Iterator[Row]:
    """Run the port, the reference and a twin of the reference free in float64.

    A row for each experiment: the largest distance from the reference of the port and of the twin,
    whose initial weights are one ulp away, in a loss and in a weight, and their ratio; and
    the largest ratio within one array of weights.
    """
    for name, experiment in experiments.items():
        reference = KerasReference(experiment)
        free = FreeRun(TorchPort(experiment), reference, start_of(reference), "float64")
        batches = reference.first_epoch()
        forced_steps = teacher_forced(reference, batches)
        for forced in tqdm(forced_steps, total=len(batches), unit="step", disable=None, desc=name):
            free.follow(forced)
        row = {"experiment": name, "steps": str(len(batches))}
        for what, ours in free.largest.items():
            twin = free.twin_largest[what]
            row |= {
                f"{what}: port": f"{ours:.1e}",
                f"{what}: twin": f"{twin:.1e}",
                f"{what}: times": f"{ours / twin:.2f}" if twin else "",
            }
        yield row | {"worst array: times": f"{free.largest_share:.2f}"}


def envelopes(experiments: Sequence[Experiment], runs: int) -> Iterator[Row]:
    """Draw two groups of float32 runs again and again, and judge them as the ladder judges a port.

    Both groups are from one framework, or one from each. A row for each of these cases and each
    phase: how far apart the groups are, and how many pairs of groups the ladder would reject. The
    experiments differ in their seed.
    """
    size = TWINS + 1
    drawn: dict[str, list[dict[str, float]]] = {"torch": [], "keras": [], "torch and keras": []}
    for experiment in experiments:
        distances, steps = _distances(experiment, runs)
        source = np.random.RandomState(experiment.seed)
        for _ in range(DRAWS):
            same_starts = source.permutation(runs)[:size]
            groups = {
                "torch": source.permutation(runs)[: 2 * size],
                "keras": runs + source.permutation(runs)[: 2 * size],
                "torch and keras": np.concatenate([same_starts, runs + same_starts]),
            }
            for name, group in groups.items():
                drawn[name].append(envelope(steps, distances[np.ix_(group, group)]).excess)
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


def _distances(experiment: Experiment, runs: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the log distances between runs of the port and of the reference, and their steps."""
    port, reference = TorchPort(experiment), KerasReference(experiment)
    starts = twin_starts(start_of(reference), runs - 1)
    batches = reference.first_epoch()
    total = 2 * runs * len(batches)
    with tqdm(total=total, desc=f"seed {experiment.seed}", unit="step", disable=None) as bar:
        paths = [
            run(side, start, batches, bar.update) for side in (port, reference) for start in starts
        ]
    return log_distances(paths), snapshots(len(batches))
