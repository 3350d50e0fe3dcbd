"""Runs made by hand, in an instant, for the tests of the report."""

from pathlib import Path
from typing import Any

import numpy as np

from cnn_experiment import Checkpoint, EpochRecord, RunFolder, initial_weights
from cnn_experiment.machine import Machine
from cnn_experiment.runs.checkpoint import BackendName
from parity_ladder import RUNGS
from parity_ladder.distances import FreeRunning, TwinDistances
from parity_ladder.result import Cause, RungResult
from parity_ladder.rungs import LookingRung
from parity_ladder.twins import envelope, log_distances
from parity_tests.parity_result import FILE, ParityResult
from parity_tests.small import small_experiment

EXPERIMENT = small_experiment(3).with_changes(epochs=2)


def parity_result(**changes: Any) -> ParityResult:
    """A climb on which every rung holds."""
    result = ParityResult(
        preset="article-2",
        dtype="float64",
        steps=3,
        mutant=None,
        device="cpu",
        twins=None,
        experiment=EXPERIMENT,
        versions={"torch": "2.14.1", "keras": "3.15.1"},
        machine=Machine(processor="Abacus 7", cores=2, system="An OS", python="3.11.7"),
        rungs=tuple(
            RungResult(
                rung=rung.name,
                passed=True,
                worst=2.5e-16,
                tolerance=rung.tolerance.float64 if isinstance(rung, LookingRung) else 1e-12,
                where=f"{rung.name}, step 1: somewhere",
            )
            for rung in RUNGS
            if not rung.optional
        ),
        loss_max_difference=4.4e-16,
        weight_max_difference=5.5e-16,
        first_difference=None,
        cause=None,
        free_running=FreeRunning(
            steps=(1, 2, 3),
            loss=(0.0, 4.4e-16, 3e-16),
            weight=(1e-17, 2e-16, 5.5e-16),
            loss_tolerance=1e-12,
            weight_tolerance=1e-11,
        ),
    )
    return result.with_changes(**changes)


def parted_result() -> ParityResult:
    """A climb that ended at the gradients."""
    rungs = [rung.model_dump() for rung in parity_result().rungs]
    failed = [rung["rung"] for rung in rungs].index("gradients")
    rungs[failed] |= {"passed": False, "worst": None}
    for rung in rungs[failed + 1 :]:
        rung |= {"passed": None, "worst": 0.0, "where": ""}
        rung["because"] = "the climb ended below, on gradients"
    return parity_result(
        rungs=tuple(RungResult(**rung) for rung in rungs),
        mutant="backward twice",
        first_difference="gradients, step 0: dense_2/bias[1] is 2.0, not 1.0: 1 apart",
        cause="backward twice",
        causes=(Cause(name="backward twice", sentence="The gradients are added up."),),
        explanation="cause: backward twice. The gradients are added up.",
        free_running=None,
    )


def twin_distances() -> TwinDistances:
    """Of four runs of each framework, all drawn from one distribution, at six snapshots."""
    source = np.random.RandomState(0)
    runs = [source.normal(0, 1e-5, (6, 50)) for _ in range(8)]
    return TwinDistances.of(envelope(np.arange(1, 7), log_distances(runs)))


def write_result(folder: Path, result: ParityResult) -> Path:
    """The folder, with this climb in it."""
    folder.mkdir(parents=True)
    (folder / FILE).write_text(result.to_json())
    return folder


def write_training(folder: Path, backend: BackendName, *, moved: float = 0.0) -> Path:
    """The folder, with a training run of two epochs in it, whose weights are `moved`."""
    run = RunFolder(folder)
    run.start(EXPERIMENT, backend)
    steps, weights = EXPERIMENT.steps_per_epoch, initial_weights(EXPERIMENT.network, 0, "float64")
    history = tuple(
        EpochRecord(
            epoch=epoch,
            step=epoch * steps,
            learning_rate=float(EXPERIMENT.schedule.rates([epoch * steps], "float64")[0]),
            loss=1 / epoch,
            accuracy=1 - 0.2 / epoch,
            val_loss=0.9 / epoch,
            val_accuracy=1 - 0.1 / epoch,
            seconds=1.5,
        )
        for epoch in (1, 2)
    )
    state = EXPERIMENT.initial_optimizer_state()
    weights = {name: array + moved for name, array in weights.items()}
    run.keep(Checkpoint(EXPERIMENT, weights, state, 2, history=history, backend=backend))
    return folder


def write_all(folder: Path) -> list[Path]:
    """A run of each kind in a folder of its own."""
    in_float32 = parity_result(dtype="float32", twins=3, twin_distances=twin_distances())
    return [
        write_result(folder / "in-float64", parity_result()),
        write_result(folder / "in-float32", in_float32),
        write_result(folder / "parted", parted_result()),
        write_training(folder / "by-keras", "keras"),
        write_training(folder / "by-torch", "torch", moved=0.25),
    ]
