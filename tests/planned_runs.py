"""Made-up runs of the studies that `results/PLAN.md` plans."""

from collections.abc import Sequence

from measurements.accuracy.plan import Study
from measurements.accuracy.runs import AccuracyRun, Contestant, Device


def planned_run(
    study: Study,
    contestant: Contestant,
    seed: int,
    accuracies: Sequence[float],
    losses: Sequence[float] = (),
    device: Device | None = None,
) -> AccuracyRun:
    """Return a run whose last epochs have these values, and whose epochs before are worse."""
    epochs = study.recipe.experiment.epochs
    worse = 0.9 + 0.0001 * seed, 0.4 + 0.001 * seed
    return AccuracyRun(
        preset=study.recipe.name,
        contestant=contestant,
        seed=seed,
        val_accuracy=(*[worse[0]] * (epochs - len(accuracies)), *accuracies),
        val_loss=(*[worse[1]] * (epochs - len(losses)), *losses),
        accuracy=(worse[0],) * epochs,
        loss=tuple(worse[1] / epoch for epoch in range(1, epochs + 1)),
        experiment=study.recipe.experiment.with_changes(seed=seed),
        threads=1,
        versions={"torch": "2"},
        device=device or study.device,
    )


def pairs_that_differ_by(
    study: Study, middle: float, deviation: float, pairs: int | None = None
) -> list[AccuracyRun]:
    """Return runs whose first contestant minus the second is `middle` ± `deviation` in turns.

    Both the last accuracies and the last losses differ so.
    """
    ours, theirs = study.contestants
    runs = []
    for place, seed in enumerate(study.seeds[:pairs]):
        difference = middle + (deviation if place % 2 else -deviation)
        runs.append(planned_run(study, theirs, seed, [0.9876543], [0.0345678]))
        added = 0.9876543 + difference, 0.0345678 + difference
        runs.append(planned_run(study, ours, seed, [added[0]], [added[1]]))
    return runs
