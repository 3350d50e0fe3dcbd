"""One HTML page that shows the given runs. Everything on it is read from their files.

The same runs, versions and machine give the same bytes.
"""

import csv
from importlib.metadata import version
from pathlib import Path

from cnn_experiment.look import pictures as draw
from cnn_experiment.machine import Machine
from parity_ladder.report import Verdict, environment, verdict_of
from parity_tests.report import figures, tables
from parity_tests.report.given_runs import Climb, GivenRuns
from parity_tests.results import results_folder


def page(given: GivenRuns) -> bytes:
    """Return the page of these runs, in UTF-8."""
    text = (
        environment(Path(__file__).parent)
        .get_template("page.html.jinja")
        .render(
            given=given,
            verdicts=[verdict(climb) for climb in given.climbs],
            ladders=[tables.ladder(climb) for climb in given.climbs],
            trajectories=figures.trajectories(given.free_running),
            envelopes=figures.envelopes(given.twin_distances),
            excesses=[tables.excess(*measured) for measured in given.twin_distances.items()],
            schedules=tables.schedules(given),
            networks=tables.networks(given),
            weights=tables.weight_distances(given.trainings),
            trainings=tables.trainings(given.trainings),
            curves=figures.curves(given.trainings),
            faults=tables.faults(planted_faults()),
            versions=tables.versions(given, made_with()),
            commands=commands(given),
        )
    )
    return text.encode()


def pictures(given: GivenRuns) -> dict[str, bytes]:
    """Return the pictures of the page as PNG, by file name."""
    drawn = {
        f"drift-{label}": figures.trajectory_figure(free)
        for label, free in given.free_running.items()
    }
    for label, apart in given.twin_distances.items():
        drawn[f"drift-{label}"] = figures.envelope_figure(apart)
    files: dict[str, bytes] = {}
    for name, figure in drawn.items():
        file = name.replace("/", "-")
        while f"{file}.png" in files:
            file += "-2"
        files[f"{file}.png"] = draw.png(figure)
    if any(training.checkpoint.history for training in given.trainings):
        files["curves.png"] = draw.png(figures.curves_figure(given.trainings))
    return files


def verdict(climb: Climb) -> Verdict:
    """Return whether every rung holds, or where the first difference is and its causes."""
    result = climb.result
    seed = f"seed {result.experiment.seed}"
    of_what = f"{result.preset or 'own experiment'}, {result.steps} steps in {result.dtype}, {seed}"
    if result.mutant is not None:
        of_what += f", with the planted fault “{result.mutant}”"
    if result.random_digits:
        of_what += ", on random images"
    outcome = verdict_of(result, climb.label, of_what)
    if result.mutant is not None and outcome.holds:
        not_shown = "The planted fault does not show in this experiment."
        return outcome._replace(sentences=[*outcome.sentences, not_shown])
    return outcome


def planted_faults() -> list[dict[str, str]]:
    """Return the rows of results/planted_faults.csv, the sound port first."""
    with (results_folder() / "planted_faults.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def made_with() -> str:
    """Return the versions of the packages that made this page, and the machine."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("matplotlib", "jinja2", "numpy"))
    return f"{packages}; {Machine.this()}"


def commands(given: GivenRuns) -> list[str]:
    """Return the commands that repeat everything on the page."""
    return [
        *(climb.command for climb in given.climbs),
        *(training.command for training in given.trainings),
        given.command,
    ]
