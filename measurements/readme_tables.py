"""The README's tables of results, made from the files in `results/`."""

import csv
import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from cnn_experiment import UserError
from cnn_experiment.value import accepted
from measurements.accuracy.readme_tables import (
    FILES,
    accuracies,
    losses_of_article_2,
    places_of_published_figures,
    stock_rmsprop,
)
from measurements.benchmark import ratio_text
from measurements.markdown import table

ENVELOPE, MLP = "float32_envelope.csv", "mlp_study.csv"
SPEED, LOAD = "benchmark.json", "benchmark_load.json"
ANOTHER_TABLE = re.compile(r"(<!-- table (\w+),[^>]*-->\n)(?:\|[^\n]*\n)*")
"""A table of the README: the comment that names it, and its lines until now."""

_PEERS = {
    "keras": "Keras' `fit` on TensorFlow",
    "keras-jax": "Keras' `fit` on JAX",
    "keras-torch": "Keras' `fit` on PyTorch",
    "dataloader": "a DataLoader loop of stock PyTorch, on tensors",
    "torchvision": "the same on torchvision's MNIST, with transforms",
    "lightning": "Lightning's Trainer, on tensors",
    "control": "itself, in another process",
}
_DETOURS = {
    "float64": "float64 instead of float32",
    "delta to the input layer": "deltas to the input layer",
    "C order": "each batch copied into another memory order (C)",
    "sigmoid again": "sigmoid computed again for its derivative",
    "expit": "SciPy's `expit` as the sigmoid",
    "float64, all detours": "all of these",
    "keras": "Keras",
    "torch": "PyTorch",
}


def with_tables(readme: str, results: Path) -> str:
    """Return the README with all its tables made anew from the files in a folder.

    Raises `UserError` for a folder without these files, and for a table that is not known.
    """
    for name in (*FILES, ENVELOPE, SPEED, LOAD, MLP):
        if not (results / name).is_file():
            raise UserError(f"results = {results}: it has no {name}; accepted: the project's")
    for _, name in ANOTHER_TABLE.findall(readme):
        if name not in TABLES:
            raise UserError(f"table = {name!r}: {accepted(list(TABLES))}")

    def made_anew(found: re.Match[str]) -> str:
        return found[1] + TABLES[found[2]](results) + "\n"

    return ANOTHER_TABLE.sub(made_anew, readme)


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


def speed(results: Path) -> str:
    """Return the peers' times over ours, with their intervals."""
    ratios = json.loads((results / SPEED).read_bytes())["ratios"]
    rows = [
        [words, *(ratio_text(ratios[precision].get(peer)) for precision in ("float32", "bfloat16"))]
        for peer, words in _PEERS.items()
    ]
    return table(["", "float32", "bfloat16"], rows)


def load(results: Path) -> str:
    """Return the slowdowns beside busy processes, and the peers' times over ours there."""
    names = {"float32": "ours, float32", "bfloat16": "ours, bfloat16", **_PEERS}
    found = json.loads((results / LOAD).read_bytes())["contestants"]
    by = {(row["contestant"], row["busy"]): row for row in found}
    contestants = list(dict.fromkeys(name for name, _ in by))
    loads = sorted({busy for _, busy in by} - {0})
    rows = [
        [
            names[name],
            *(ratio_text(by[name, busy]["slowdown"]) for busy in loads),
            *(ratio_text(by[name, busy]["over_ours"]["float32"]) for busy in (0, *loads)),
        ]
        for name in contestants
    ]
    slower = [f"slowdown beside {busy}" for busy in loads]
    times = ["time over ours in float32, alone", *(f"beside {busy}" for busy in loads)]
    return table(["", *slower, *times], rows)


def mlp_epochs(results: Path) -> str:
    """Return the times of an epoch of the MLP over that of the fast NumPy code."""
    with (results / MLP).open(newline="") as file:
        lines = list(csv.DictReader(file))
    sizes = list(dict.fromkeys(int(line["batch size"]) for line in lines))
    rows = []
    for name, words in _DETOURS.items():
        own = [line for line in lines if line["contestant"] == name]
        articles = [(line["article"], int(line["batch size"])) for line in own if line["article"]]
        rows.append(
            [
                words,
                *(f"{float(line['ratio']):.1f}" for line in own),
                "; ".join(f"{float(ratio):.1f} at {size:,}" for ratio, size in articles),
            ]
        )
    return table(["batch size", *(f"{size:,}" for size in sizes), "the article's"], rows)


TABLES: Mapping[str, Callable[[Path], str]] = {
    "accuracies": accuracies,
    "places": places_of_published_figures,
    "losses": losses_of_article_2,
    "stock_rmsprop": stock_rmsprop,
    "envelope": envelope,
    "speed": speed,
    "load": load,
    "mlp_epochs": mlp_epochs,
}
"""By the name in the README's comment above a table: the function that makes it."""
