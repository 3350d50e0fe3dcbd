"""The documents' tables of times, made from the files in `results/`."""

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from measurements.benchmark import Interval, ratio_text
from measurements.markdown import table

SPEED, LOAD, MLP = "benchmark.json", "benchmark_load.json", "mlp_study.csv"
MANY_RUNS, GROWTH, PROFILE = "many_runs.csv", "cost_growth.csv", "step_profile.csv"

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
    lines = lines_of(results / MLP)
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


def step_profile(results: Path) -> str:
    """Return where the time of a step goes."""
    rows = [
        [line["part"], f"{100 * float(line['share']):.0f} %"]
        for line in lines_of(results / PROFILE)
    ]
    return table(["part of the step, float32, one thread", "of its time"], rows)


def around(results: Path) -> str:
    """Return what the contestants take around the step: their start and their memory."""
    found = json.loads((results / SPEED).read_bytes())["contestants"]
    ours = found["float32"]
    rows = [
        [
            words,
            *(
                f"{size:{digits}} ({size / of_ours:.2f})"
                for size, of_ours, digits in (
                    (_start(found[name]), _start(ours), ".1f"),
                    (found[name]["peak_memory_mb"], ours["peak_memory_mb"], ".0f"),
                )
            ),
        ]
        for name, words in {"float32": "ours, float32", **_PEERS}.items()
        if name in found and name != "control"
    ]
    return table(["(over ours)", "from command to first step, s", "most memory, MB"], rows)


def _start(contestant: Mapping[str, Mapping[str, float]]) -> float:
    return contestant["start_up"]["command_to_first_step"]


def many_runs(results: Path) -> str:
    """Return how many runs an hour gives, by the number of jobs at a time."""
    rows = [
        [
            "PyTorch" if line["contestant"] == "torch" else "Keras",
            line["jobs"],
            line["threads"],
            f"{float(line['runs_an_hour']):.0f}",
            ratio_text(interval_in(line, "times_one_job")),
        ]
        for line in lines_of(results / MANY_RUNS)
    ]
    heads = ["", "jobs", "threads of each", "runs an hour", "over those of one job"]
    return table(heads, rows)


def growth(results: Path) -> str:
    """Return how the time of an image grows with each setting, ours and Keras' side by side."""
    rows = [
        [
            line["setting"],
            f"{int(line['value']):,}",
            f"{float(line['ours']):.2f}",
            f"{float(line['keras']):.2f}",
            ratio_text(interval_in(line, "keras_over_ours")),
        ]
        for line in lines_of(results / GROWTH)
    ]
    return table(["setting", "value", "ours", "Keras", "Keras over ours"], rows)


def lines_of(file: Path) -> list[dict[str, str]]:
    """Return the lines of a table, by the names of its columns."""
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def interval_in(line: Mapping[str, str], median: str) -> Interval:
    """Return the interval in a line, whose median is in the column of this name."""
    return {"median": float(line[median]), "low": float(line["low"]), "high": float(line["high"])}


TABLES_OF_SPEED: Mapping[str, Callable[[Path], str]] = {
    "speed": speed,
    "step_profile": step_profile,
    "around": around,
    "load": load,
    "many_runs": many_runs,
    "growth": growth,
    "mlp_epochs": mlp_epochs,
}
"""By the name in the comment above a table: the function that makes it."""
FILES_OF_SPEED = (SPEED, LOAD, MANY_RUNS, GROWTH, PROFILE, MLP)
"""The files that they are made from."""
