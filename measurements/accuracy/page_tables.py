"""The documents' tables of accuracies and losses, made from the finished runs."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cnn_experiment import UserError
from measurements.accuracy import published
from measurements.accuracy.analysis import analysis
from measurements.accuracy.places import places
from measurements.accuracy.runs import AccuracyRun, read_runs
from measurements.accuracy.training_losses import training_losses
from measurements.accuracy.verdicts import shown
from measurements.markdown import table

FILES = EARLIER, PLANNED = "accuracy.jsonl", "confirmatory.jsonl"
_NAMES = {"keras": "Keras", "torch": "PyTorch", "torch-stock-rmsprop": "PyTorch, stock RMSprop"}


def _runs(results: Path) -> dict[str, list[AccuracyRun]]:
    """Return the earlier runs, and those of the plan that may be looked at."""
    planned = shown(read_runs(results / PLANNED))
    return {"earlier": read_runs(results / EARLIER), "planned": planned}


def accuracies(results: Path) -> str:
    """Return accuracies after the last epoch, by preset and backend."""
    runs = _runs(results)
    rows = []
    for source, name, epochs, article in (
        ("planned", "article-2", 5, "99.0 %"),
        ("earlier", "article-3", 80, "above 99.35 % on average, up to 99.44"),
        ("earlier", "article-3-addendum", 80, "99.40 to 99.45 %"),
    ):
        experiments = analysis(runs[source])
        by = _experiment(experiments, name, epochs)["contestants"]
        reached = [_reached(by[who]) if who in by else "" for who in ("keras", "torch")]
        rows.append([f"`{name}`, {epochs} epochs", article, *reached])
    return table(["", "published", "Keras", "PyTorch"], rows)


def _experiment(
    experiments: Iterable[Mapping[str, Any]], preset: str, epochs: int
) -> Mapping[str, Any]:
    """Return the analysis of an experiment on the processor; raises `UserError` without runs."""
    for each in experiments:
        if (each["preset"], each["epochs"], each["device"]) == (preset, epochs, "cpu"):
            return each
    raise UserError(f"results: there are no runs of {preset}, {epochs} epochs, or not all planned")


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
                    f"`{study['preset']}`, {study['epoch']} epochs, {_NAMES[study['contestant']]}"
                    f" on {' and '.join(study['devices'])}",
                    number,
                    " to ".join(show(each["figure"]) for each in found["published"]),
                    f"{mean} ({' to '.join(ends)})",
                    " and ".join(str(each["reached"]) for each in found["published"])
                    + f" of {study['runs']}",
                    " and ".join(f"{each['percentile']:.0f}" for each in found["published"]),
                ]
            )
    heads = [
        "run",
        "figure",
        "published",
        "ours: mean (least to greatest)",
        "runs that reach it",
        "percentile",
    ]
    return table(heads, rows)


def _percent(accuracy: float) -> str:
    return f"{100 * accuracy:.2f} %"


def _loss(loss: float) -> str:
    return f"{loss:.4f}"


def losses_of_article_2(results: Path) -> str:
    """Return article II's training losses by epoch beside ours."""
    runs = _runs(results)
    rows: list[list[str]] = [["article II", *(_loss(loss) for loss in published.ARTICLE_2_LOSSES)]]
    for each in training_losses(runs["planned"], runs["earlier"]):
        both = zip(each["means"], each["deviations"], strict=True)
        cells = [f"{mean:.4f} ± {deviation:.4f}" for mean, deviation in both]
        rows.append([f"{_NAMES[each['contestant']]} ({each['runs']})", *cells])
    epochs = [f"epoch {epoch + 1}" for epoch in range(len(published.ARTICLE_2_LOSSES))]
    return table(["", *epochs], rows)


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
    return table(
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
                "on the ladder (`twin-cnn parity --preset article-2`)",
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
