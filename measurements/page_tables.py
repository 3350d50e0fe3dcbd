"""The documents' tables of results, made from the files in `results/`."""

import csv
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from cnn_experiment import UserError
from cnn_experiment.value import accepted
from measurements.accuracy.page_tables import (
    FILES,
    accuracies,
    losses_of_article_2,
    places_of_published_figures,
    stock_rmsprop,
)
from measurements.cluster_tables import FILES_OF_CLUSTER, TABLES_OF_CLUSTER
from measurements.markdown import table
from measurements.speed_tables import FILES_OF_SPEED, TABLES_OF_SPEED

ENVELOPE = "float32_envelope.csv"
ANOTHER_TABLE = re.compile(r"(<!-- table (\w+),[^>]*-->\n)(?:\|[^\n]*\n)*")
"""A table of a page: the comment that names it, and its lines until now."""


def with_tables(page: str, results: Path) -> str:
    """Return a page with all its tables made anew from the files in a folder.

    Raises `UserError` for a folder without these files, and for a table that is not known.
    """
    for name in (*FILES, ENVELOPE, *FILES_OF_SPEED, *FILES_OF_CLUSTER):
        if not (results / name).is_file():
            raise UserError(f"results = {results}: it has no {name}; accepted: the project's")
    for _, name in ANOTHER_TABLE.findall(page):
        if name not in TABLES:
            raise UserError(f"table = {name!r}: {accepted(list(TABLES))}")

    def made_anew(found: re.Match[str]) -> str:
        return found[1] + TABLES[found[2]](results) + "\n"

    return ANOTHER_TABLE.sub(made_anew, page)


def envelope(results: Path) -> str:
    """Return the distances between float32 runs of PyTorch, of Keras, and of one of each."""
    with (results / ENVELOPE).open(newline="") as file:
        lines = list(csv.DictReader(file))
    names = {
        "torch": "PyTorch's runs alone",
        "keras": "Keras' runs alone",
        "torch and keras": "one of each",
    }
    rows = []
    for who, words in names.items():
        phases = [line for line in lines if line["runs of"] == who]
        early, *later = (
            (math.exp(float(line["99.9 %"])), math.exp(float(line["limit"]))) for line in phases
        )
        beyond = sum(int(line["beyond"]) for line in phases)
        rows.append(
            [
                words,
                f"{early[0]:.1f}, {early[1]:.0f}",
                *(f"{below:.0f}, {limit:.0f}" for below, limit in later),
                f"{beyond} of {int(phases[0]['groups']):,}",
            ]
        )
    heads = ["groups of", "early: 99.9 % below, limit", "middle", "late", "rejected"]
    return table(heads, rows)


TABLES: Mapping[str, Callable[[Path], str]] = {
    "accuracies": accuracies,
    "places": places_of_published_figures,
    "losses": losses_of_article_2,
    "stock_rmsprop": stock_rmsprop,
    "envelope": envelope,
    **TABLES_OF_SPEED,
    **TABLES_OF_CLUSTER,
}
"""By the name in the comment above a table: the function that makes it."""
