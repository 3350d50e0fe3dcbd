"""The tables of the report."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cnn_experiment import Experiment, Layer, Network
from cnn_experiment.formats.torch_layout import torch_shape
from parity_ladder.distances import TwinDistances
from parity_ladder.report import Cell, Table, ladder_table, number
from parity_tests.report.given_runs import Climb, GivenRuns, Training, preset_of

EPOCHS_SHOWN = 3
"""The schedule's table has this number of first epochs, and the last one."""


def ladder(climb: Climb) -> Table:
    """Return the outcome of each rung."""
    result = climb.result
    return ladder_table(result, f"{climb.label}: {result.steps} steps in {result.dtype}")


def excess(label: str, apart: TwinDistances) -> Table:
    """Return how many times as far apart as their twins the frameworks are, by phase."""
    rows = [
        (
            phase,
            "not finite" if (measured := apart.excess[phase]) is None else _times(measured),
            _times(allowed),
        )
        for phase, allowed in apart.excess_tolerance.items()
        if phase in apart.excess
    ]
    caption = f"{label}: how many times as far apart as their twins the frameworks are"
    return Table(caption, ("phase", "measured", "allowed"), rows)


def _times(logarithm: float) -> str:
    return f"{np.exp(min(logarithm, 100)):#.3g}"


def schedules(given: GivenRuns) -> list[Table]:
    """Return the learning rates of each training's experiment, or else of each parity run's."""
    groups = by_experiment(given.trainings) or {
        climb.result.experiment: () for climb in given.climbs
    }
    return [_schedule(experiment, group) for experiment, group in groups.items()]


def by_experiment(trainings: Iterable[Training]) -> dict[Experiment, Sequence[Training]]:
    """Return the runs of each experiment."""
    groups: dict[Experiment, list[Training]] = {}
    for training in trainings:
        groups.setdefault(training.checkpoint.experiment, []).append(training)
    return {experiment: tuple(group) for experiment, group in groups.items()}


def _schedule(experiment: Experiment, group: Sequence[Training]) -> Table:
    steps, last = experiment.steps_per_epoch, experiment.epochs
    recorded = [
        {record.step: record.learning_rate for record in training.checkpoint.history}
        for training in group
    ]
    epochs = sorted({*range(1, min(EPOCHS_SHOWN, last) + 1), last})
    updates = {(epoch - 1) * steps: f"start of epoch {epoch}" for epoch in epochs}
    updates |= {epoch * steps - 1: f"last of epoch {epoch}" for epoch in epochs if steps > 1}
    updates |= {last * steps: "after the last epoch"}
    rows = []
    for update, where in sorted(updates.items()):
        rate = float(experiment.schedule.rates([update], experiment.dtype)[0])
        rates = [run.get(update) for run in recorded]
        known = [value for value in rates if value is not None]
        apart = number(max(*known, rate) - min(*known, rate)) if known else ""
        texts = ["" if value is None else f"{value:.8g}" for value in rates]
        rows.append((f"{update:,}", where, f"{rate:.8g}", *texts, *([apart] if group else [])))
    settings = experiment.schedule.model_dump()
    named = ", ".join(f"{name} {value}" for name, value in settings.items() if name != "kind")
    caption = f"{_named(experiment)}: learning rate, {settings['kind']} ({named})"
    caption += ", and as each run recorded it" if group else ""
    labels = [training.label for training in group]
    differ = ["largest difference"] if group else []
    return Table(caption, ("updates before", "", "schedule", *labels, *differ), rows)


def _named(experiment: Experiment) -> str:
    return preset_of(experiment) or "own experiment"


def networks(given: GivenRuns) -> list[Table]:
    """Return the layers of each network, with the shapes of their weights in both frameworks."""
    of_networks: dict[Network, list[str]] = {}
    experiments = [climb.result.experiment for climb in given.climbs]
    experiments += [training.checkpoint.experiment for training in given.trainings]
    for experiment in experiments:
        names = of_networks.setdefault(experiment.network, [])
        if _named(experiment) not in names:
            names.append(_named(experiment))
    return [_network(network, names) for network, names in of_networks.items()]


def _network(network: Network, names: Sequence[str]) -> Table:
    layers = network.layers()
    rows = [
        (
            layer.name,
            _shape(layer.output_shape),
            f"{layer.parameters:,}",
            *_weights(layer),
        )
        for layer in layers
    ]
    rows.append(("all", "", f"{sum(layer.parameters for layer in layers):,}", "", ""))
    columns = ("layer", "output", "parameters", "in Keras", "in PyTorch")
    return Table(f"Network of {', '.join(names)}", columns, rows)


def _weights(layer: Layer) -> tuple[str, str]:
    if not layer.kernel_shape:
        return "", ""
    theirs = torch_shape(layer.kernel_shape)
    bias = f"bias {layer.kernel_shape[-1]}"
    return f"kernel {_shape(layer.kernel_shape)}, {bias}", f"weight {_shape(theirs)}, {bias}"


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def weight_distances(trainings: Iterable[Training]) -> list[Table]:
    """Return the distances between the weights of two runs, one by each framework.

    Both must have trained the same experiment for the same number of updates.
    """
    tables = []
    for group in by_experiment(trainings).values():
        ours, theirs = (
            next((each for each in group if each.checkpoint.backend == backend), None)
            for backend in ("torch", "keras")
        )
        if ours and theirs and ours.checkpoint.iteration == theirs.checkpoint.iteration:
            tables.append(_weight_distance(ours, theirs))
    return tables


def _weight_distance(ours: Training, theirs: Training) -> Table:
    mine, other = ours.checkpoint.weights, theirs.checkpoint.weights
    rows = [
        (
            name,
            number(float(np.abs(mine[name].astype(np.float64) - other[name]).max())),
            number(float(np.abs(other[name]).max())),
        )
        for name in theirs.checkpoint.experiment.network.variable_shapes()
    ]
    caption = (
        f"Weights of {ours.label} against those of {theirs.label}, after {theirs.checkpoint}, in"
        f" {theirs.checkpoint.experiment.dtype}"
    )
    return Table(caption, ("variable", "largest distance", "largest weight"), rows)


def trainings(given: Iterable[Training]) -> Table:
    """Return what each training run has reached."""
    rows = []
    for label, checkpoint in given:
        experiment, history = checkpoint.experiment, checkpoint.history
        done = f"{checkpoint.epoch} of {experiment.epochs} epochs"
        reached = ["", "", ""]
        if history:
            last = history[-1]
            seconds = sum(record.seconds for record in history)
            reached = [f"{last.val_accuracy:.4f}", f"{last.val_loss:.4f}", f"{seconds:.0f}"]
        backend = {"torch": "PyTorch", "keras": "Keras"}.get(checkpoint.backend or "", "unknown")
        rows.append((label, backend, _named(experiment), str(experiment.seed), done, *reached))
    columns = ("run", "last trained by", "experiment", "seed", "done")
    return Table("Training runs", (*columns, "test accuracy", "test loss", "seconds"), rows)


def faults(measured: Sequence[Mapping[str, str]]) -> Table:
    """Return where the ladder found each planted fault, and whether assert_close sees it."""
    rows = []
    for row in measured:
        if row["fault"] == "none":
            continue
        step = row["step"] or ("after" if row["rung"] == "epoch metrics" else "before")
        named = "yes" if row["cause"] == row["fault"] else row["cause"] or "no"
        rows.append((row["fault"], row["rung"], step, named, _usual_check(row)))
    columns = ("planted fault", "found at", "step", "named as the cause", "assert_close")
    missed = sum(row["seen by assert_close"] == "no" for row in measured if row["fault"] != "none")
    caption = f"{len(rows)} planted faults; assert_close on ten losses misses {missed} of them"
    return Table(caption, columns, rows)


def _usual_check(row: Mapping[str, Any]) -> str | Cell:
    return "sees it" if row["seen by assert_close"] == "yes" else Cell("misses it", "bad")


def versions(given: GivenRuns, page: str) -> Table:
    """Return the versions and the machine that each run and this page were made with."""
    rows = []
    for climb in given.climbs:
        machine = climb.result.machine
        where = str(machine) if machine else "not recorded"
        rows.append((climb.label, _listed(climb.result.versions), where))
    rows += [
        (training.label, _listed(training.checkpoint.versions), "not recorded")
        for training in given.trainings
    ]
    packages, _, machine_here = page.partition("; ")
    rows.append(("this page", packages, machine_here))
    return Table("Versions and machines", ("run", "versions", "machine"), rows)


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in versions.items())
