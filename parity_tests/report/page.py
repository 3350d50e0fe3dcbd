"""One HTML page of given runs; everything that it shows is in their files.

The same runs, versions and machine give the same bytes.
"""

import csv
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from cnn_experiment import UserError
from cnn_experiment.look import pictures as draw
from cnn_experiment.machine import Machine
from parity_tests.report import figures, tables
from parity_tests.report.given_runs import Climb, GivenRuns
from parity_tests.results import results_folder

try:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
except ModuleNotFoundError as error:
    raise UserError("jinja2 is not installed here; pip install '.[plots]'") from error


class Verdict(NamedTuple):
    """What a climb came to."""

    label: str
    of_what: str
    holds: bool
    heading: str
    sentences: Sequence[str]


def page(given: GivenRuns) -> bytes:
    """The page of these runs, in UTF-8."""
    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("page.html.jinja").render(
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
    return text.encode()


def pictures(given: GivenRuns) -> dict[str, bytes]:
    """The page's pictures as PNG, by the name of their file."""
    drawn = {
        f"drift-{label}": figures.trajectory_figure(free)
        for label, free in given.free_running.items()
    }
    for label, apart in given.twin_distances.items():
        drawn[f"drift-{label}"] = figures.envelope_figure(apart)
    found: dict[str, bytes] = {}
    for name, figure in drawn.items():
        file = name.replace("/", "-")
        while f"{file}.png" in found:
            file += "-2"
        found[f"{file}.png"] = draw.png(figure)
    if any(training.checkpoint.history for training in given.trainings):
        found["curves.png"] = draw.png(figures.curves_figure(given.trainings))
    return found


def verdict(climb: Climb) -> Verdict:
    """Whether every rung holds, or where the first difference is and why."""
    result = climb.result
    seed = f"seed {result.experiment.seed}"
    of_what = f"{result.preset or 'own experiment'}, {result.steps} steps in {result.dtype}, {seed}"
    if result.mutant is not None:
        of_what += f", with the planted fault “{result.mutant}”"
    if result.random_digits:
        of_what += ", on random images"
    if result.first_difference is not None:
        failed = next(rung.rung for rung in result.rungs if rung.passed is False)
        sentences = [result.first_difference, result.explanation or f"cause: {result.cause}"]
        return Verdict(climb.label, of_what, False, f"First difference: {failed}", sentences)
    sentences = []
    unseen = [rung.rung for rung in result.rungs if rung.passed is None]
    if unseen:
        sentences.append(f"The port does not show, so nobody judged: {', '.join(unseen)}.")
    if result.mutant is not None:
        sentences.append("The planted fault does not show in this experiment.")
    heading = "Every rung that was seen holds" if unseen else "Every rung holds"
    return Verdict(climb.label, of_what, True, heading, sentences)


def planted_faults() -> list[dict[str, str]]:
    """The measured table, with the sound port as its first row."""
    with (results_folder() / "planted_faults.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def made_with() -> str:
    """What this page was made with, and where."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("matplotlib", "jinja2", "numpy"))
    return f"{packages}; {Machine.this()}"


def commands(given: GivenRuns) -> list[str]:
    """What to type to repeat everything on the page."""
    return [
        *(climb.command for climb in given.climbs),
        *(training.command for training in given.trainings),
        given.command,
    ]
