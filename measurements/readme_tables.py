"""The README's tables of results, made from the files in `results/`."""

import csv
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from measurements.accuracy import published
from measurements.accuracy.analysis import analysis
from measurements.accuracy.places import places
from measurements.accuracy.runs import AccuracyRun, read_runs
from measurements.accuracy.verdicts import shown

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
_NAMES = {"keras": "Keras", "torch": "PyTorch", "torch-stock-rmsprop": "PyTorch, stock RMSprop"}


def with_tables(readme: str, results: Path) -> str:
    """Return the README with all its tables made anew from the files in a folder."""

    def made_anew(found: re.Match[str]) -> str:
        return found[1] + TABLES[found[2]](results) + "\n"

    return ANOTHER_TABLE.sub(made_anew, readme)


def _markdown(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    table = tabulate(list(rows), heads, tablefmt="pipe", disable_numparse=True)
    lines = [" ".join(line.split()) for line in table.splitlines()]
    lines[1] = re.sub(r":?-+:?", "---", lines[1]).replace(" ", "")
    return "\n".join(lines)


def _runs(results: Path) -> dict[str, list[AccuracyRun]]:
    """Return the earlier runs, and those of the plan that may be looked at."""
    earlier = read_runs(results / "accuracy.jsonl")
    return {"earlier": earlier, "planned": shown(read_runs(results / "confirmatory.jsonl"))}


def accuracies(results: Path) -> str:
    """Return accuracies after the last epoch, by preset and backend."""
    runs = _runs(results)
    rows = []
    for source, name, epochs, article in (
        ("planned", "article-2", 5, "99.0 %"),
        ("earlier", "article-3", 80, "above 99.35 % on average, up to 99.44"),
        ("earlier", "article-3-addendum", 80, "99.40 to 99.45 %"),
    ):
        (found,) = (
            each
            for each in analysis(runs[source])
            if (each["preset"], each["epochs"], each["device"]) == (name, epochs, "cpu")
        )
        by = found["contestants"]
        reached = [_reached(by[who]) if who in by else "" for who in ("keras", "torch")]
        rows.append([f"`{name}`, {epochs} epochs", article, *reached])
    return _markdown(["", "published", "Keras", "PyTorch"], rows)


def _reached(contestant: Mapping[str, Any]) -> str:
    accuracy, count = contestant["val_accuracy"], contestant["runs"]
    spread = f" ± {100 * accuracy['deviation']:.2f}" if count > 1 else ""
    highest = 100 * contestant["best_epoch"]["highest"]
    return f"{100 * accuracy['mean']:.2f}{spread} % ({count}), highest {highest:.2f}"


def places_of_published_figures(results: Path) -> str:
    """Return which share of our runs reaches what the articles print."""
    looked_at = (
        published.HIGHEST,
        published.LOWEST,
        published.TRAINING_ACCURACY,
        published.FIRST_LOSS,
    )
    rows = []
    for study in places(_runs(results)["planned"]):
        for number, found in study["numbers"].items():
            of_the_mlp = study["preset"] == "mlp" and number == published.ACCURACY
            if not found["published"] or not (number in looked_at or of_the_mlp):
                continue
            is_accuracy = "accuracy" in number
            show = _percent if is_accuracy else _loss
            mean, *ends = (show(found[what]) for what in ("mean", "least", "greatest"))
            rows.append(
                [
                    f"`{study['preset']}`, {study['epoch']} epochs, {_NAMES[study['contestant']]}",
                    number,
                    " to ".join(show(each["figure"]) for each in found["published"]),
                    f"{mean} ({' to '.join(ends)})",
                    " and ".join(str(each["reached"]) for each in found["published"])
                    + f" of {study['runs']}",
                ]
            )
    heads = ["run", "figure", "published", "ours: mean (least to greatest)", "runs that reach it"]
    return _markdown(heads, rows)


def _percent(accuracy: float) -> str:
    return f"{100 * accuracy:.2f} %"


def _loss(loss: float) -> str:
    return f"{loss:.4f}"


def stock_rmsprop(results: Path) -> str:
    """Return how stock RMSprop and the port differ from Keras, on the same seeds."""
    runs = [
        run
        for run in _runs(results)["earlier"]
        if (run.preset, run.epochs) == ("article-2", 5) and run.contestant in _NAMES
    ]
    seeds = {run.seed for run in runs if run.contestant == "torch-stock-rmsprop"}
    (of_all,) = analysis(runs)
    (of_same,) = analysis(run for run in runs if run.seed in seeds)
    ours, stock = of_same["comparisons"]
    outside = {
        (each["of"], each["epoch"]): f"{each['rejected']} of {each['runs']}"
        for each in of_all["outside"]
    }
    never = [each["convergence"]["never"] for each in (stock, ours)]
    both = (stock, ours)
    return _markdown(
        ["", "stock RMSprop", "our port, on the same seeds (bands: on all)"],
        [
            ["accuracy minus Keras'", *(interval(each["difference"]) for each in both)],
            [
                "shown to be within 0.05 points of Keras",
                *(f"{_yes(each['is_equivalent'])} (p {each['p']:.2f})" for each in both),
            ],
            [
                "shown to differ",
                *(f"{_yes(each['differs_p'] < 0.05)} (p {each['differs_p']:.2f})" for each in both),
            ],
            ["loss minus Keras'", *(_losses(each["val_loss_difference"]) for each in both)],
            [
                f"never got to 99 % (Keras: {never[0][1]})",
                *(f"{mine} of {len(seeds)}" for mine, _ in never),
            ],
            *(
                [words, outside["torch-stock-rmsprop", epoch], outside["torch", epoch]]
                for words, epoch in (
                    ("outside the bands of all other seeds, after epoch 1", 1),
                    ("outside them after epoch 5", 5),
                )
            ),
            [
                "on the ladder (`scripts/parity.py --preset article-2`)",
                "the first step: a weight 0.003 off",
                "all rungs hold",
            ],
        ],
    )


def interval(mean: Mapping[str, Any]) -> str:
    """Return a mean difference of accuracies with its interval, in points."""
    middle, low, high = (100 * mean[what] for what in ("mean", "low", "high"))
    return f"{middle:+.3f} points ({low:+.3f} to {high:+.3f})"


def _losses(mean: Mapping[str, Any]) -> str:
    return f"{mean['mean']:+.4f} ({mean['low']:+.4f} to {mean['high']:+.4f})"


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


def envelope(results: Path) -> str:
    """Return the distances between float32 runs of PyTorch, of Keras, and of one of each."""
    with (results / "float32_envelope.csv").open(newline="") as file:
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
    return _markdown(heads, rows)


def speed(results: Path) -> str:
    """Return the peers' times over ours, with their intervals."""
    ratios = json.loads((results / "benchmark.json").read_bytes())["ratios"]
    rows = [
        [words, *(_ratio(ratios[precision].get(peer)) for precision in ("float32", "bfloat16"))]
        for peer, words in _PEERS.items()
    ]
    return _markdown(["", "float32", "bfloat16"], rows)


def _ratio(found: Mapping[str, float] | None) -> str:
    return "" if found is None else "{median:.2f} ({low:.2f} to {high:.2f})".format(**found)


def mlp_epochs(results: Path) -> str:
    """Return the times of an epoch of the MLP over that of the fast NumPy code."""
    with (results / "mlp_study.csv").open(newline="") as file:
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
    return _markdown(["batch size", *(f"{size:,}" for size in sizes), "the article's"], rows)


TABLES: Mapping[str, Callable[[Path], str]] = {
    "accuracies": accuracies,
    "places": places_of_published_figures,
    "stock_rmsprop": stock_rmsprop,
    "envelope": envelope,
    "speed": speed,
    "mlp_epochs": mlp_epochs,
}
"""By the name in the README's comment above a table: the function that makes it."""
