"""The tables of docs/cluster.md, made from the files in `results/`."""

from collections.abc import Callable, Mapping
from pathlib import Path

from measurements.benchmark import ratio_text
from measurements.markdown import table
from measurements.speed_tables import interval_in, lines_of

RANKS, STUDY = "ranks_cost.csv", "study_simulation.csv"


def ranks_cost(results: Path) -> str:
    """Return the speed of groups of processes, and what part of it their exchange takes."""
    rows = [
        [
            line["processes"],
            line["threads"],
            f"{int(line['batch_size']):,}",
            ratio_text(interval_in(line, "speed")),
            "" if line["processes"] == "1" else f"{float(line['exchange']):.0%}",
        ]
        for line in lines_of(results / RANKS)
    ]
    heads = [
        "processes",
        "threads of each",
        "batch",
        "images a second over the first's",
        "exchange",
    ]
    return table(heads, rows)


def study(results: Path) -> str:
    """Return how many runs an hour a study can give out and write down, as its file grows."""
    rows = [
        [
            f"{int(line['runs']):,}",
            f"{float(line['runs_an_hour']):,.0f}",
            f"{float(line['megabytes']):.1f}",
        ]
        for line in lines_of(results / STUDY)
    ]
    return table(["runs done", "of the latest, an hour", "MB of results"], rows)


TABLES_OF_CLUSTER: Mapping[str, Callable[[Path], str]] = {"ranks_cost": ranks_cost, "study": study}
"""By the name in the comment above a table: the function that makes it."""
FILES_OF_CLUSTER = (RANKS, STUDY)
"""The files that they are made from."""
