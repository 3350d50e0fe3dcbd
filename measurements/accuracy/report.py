"""The analysis of a results file as text, as JSON and as a picture. Loads SciPy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cnn_experiment import UserError
from cnn_experiment.atomic_file import write_atomically, write_json_atomically
from cnn_experiment.command_line import must_be_writable_file, must_be_writable_picture
from measurements.accuracy.analysis import analysis
from measurements.accuracy.bands import measured_runs
from measurements.accuracy.places import places
from measurements.accuracy.plan import FILE, STUDIES, planned_runs
from measurements.accuracy.planned_tables import planned_tables
from measurements.accuracy.runs import AccuracyRun, chosen_runs, read_runs
from measurements.accuracy.splits import split_or_start
from measurements.accuracy.tables import picture, tables
from measurements.accuracy.training_losses import training_losses
from measurements.accuracy.verdicts import shown, verdicts
from measurements.json_lines import must_be_a_file_of_lines

EARLIER, PLANNED = Path("results/accuracy.jsonl"), Path("results") / FILE
OF_SPLITS = "".join({study.letter: None for study in STUDIES if study.recipe.split_seed})
"""The studies that have several splits, and would be an experiment for each."""


def report(
    results: Path | None,
    preset_name: str | None,
    seeds: int | None,
    json: Path | None,
    plot: Path | None,
    close: str,
) -> str:
    """Return the analysis of the chosen runs as text; write it to `json`, and draw it to `plot`.

    `results` is a file of runs; None stands for the earlier runs that come with the code. If the
    file has planned runs, or if it is None, the answers to the plan's questions follow, from all
    planned runs.
    Studies of several splits stand there alone. An incomplete study of a hypothesis is nowhere
    looked at, unless `close` has its letter.
    """
    file, planned = results or EARLIER, results or PLANNED
    must_be_a_file_of_lines(file, "results")
    must_be_writable_file(json, "json")
    must_be_writable_picture(plot)
    chosen = chosen_runs(file, preset_name, seeds)
    runs = read_runs(planned)
    here = {run.identity for run in shown(read_runs(file), close)}
    here -= {run.identity for run in planned_runs(OF_SPLITS, runs)}
    experiments = analysis(run for run in chosen if run.identity in here)
    if plot is not None and not experiments:
        raise UserError(
            f"plot = {plot}: no experiment may be drawn; accepted: runs of a complete study"
        )
    plan = of_the_plan(runs, close) if any(study.runs(runs) for study in STUDIES) else None
    if json is not None:
        write_json_atomically(json, {"experiments": experiments, "plan": plan})
    if plot is not None:
        write_atomically(plot, picture(experiments))
    texts = [tables(experiments)] if experiments else []
    return "\n\n\n".join([*texts, planned_tables(plan)] if plan else texts)


def of_the_plan(runs: Sequence[AccuracyRun], close: str = "") -> dict[str, Any]:
    """Return the answers to the questions of `results/PLAN.md`, ready for JSON."""
    seen = shown(runs, close)
    return {
        "hypotheses": verdicts(runs, close),
        "places": places(seen),
        "splits": split_or_start(seen),
        "training_losses": training_losses(seen, measured_runs("article-2")),
    }
