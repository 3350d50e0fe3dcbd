"""An analysis as text and as a picture."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from tabulate import tabulate

from measurements.accuracy.bands import CONFIDENCE, COVERAGE, DIFFERENCE, TOGETHER
from measurements.accuracy.equivalence import MARGIN
from measurements.accuracy.runs import METRICS


def tables(experiments: Iterable[Mapping[str, Any]]) -> str:
    """Return the result of `analysis` as text."""
    return "\n\n\n".join("\n\n".join(_of_an_experiment(each)) for each in experiments)


def picture(experiments: Iterable[Mapping[str, Any]]) -> bytes:
    """Draw the last accuracy of every run, and the paired differences with the margin, as a PNG."""
    from cnn_experiment.look.pictures import png
    from measurements.accuracy.picture import Differences, Groups, accuracies

    rows = [
        Groups(
            f"{_named(experiment)}, epoch {experiment['epochs']}",
            {
                name: list(contestant["final_accuracies"].values())
                for name, contestant in experiment["contestants"].items()
            },
            {
                f"{each['ours']} - {each['theirs']}": Differences(
                    each["differences"], each["low"], each["high"]
                )
                for each in experiment["comparisons"]
            },
        )
        for experiment in experiments
    ]
    return png(accuracies(rows, MARGIN))


def _named(experiment: Mapping[str, Any]) -> str:
    """Return the preset's name, and the device if it is not the processor."""
    device = experiment["device"]
    return str(experiment["preset"]) + ("" if device == "cpu" else f" on {device}")


def _of_an_experiment(experiment: Mapping[str, Any]) -> list[str]:
    title = f"{_named(experiment)}, validation after epoch {experiment['epochs']}"
    texts = [f"{title}\n{_contestants(experiment['contestants'])}"]
    texts += [_verdict(comparison) for comparison in experiment["comparisons"]]
    if experiment["bands"]:
        texts += [_bands(experiment["bands"]), _outside(experiment["outside"])]
    return texts


def _contestants(contestants: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        [
            name,
            each["runs"],
            *_mean(each["val_accuracy"], _percent, lambda width: f"{100 * width:.3f}"),
            *_mean(each["val_loss"], lambda loss: f"{loss:.5f}", lambda width: f"{width:.5f}"),
            f"{_percent(each['best_epoch']['mean'])}, {_percent(each['best_epoch']['highest'])}",
            f"{each['epochs_to_target']['mean']:.2f} ({each['epochs_to_target']['never']})",
        ]
        for name, each in contestants.items()
    ]
    target = next(iter(contestants.values()))["epochs_to_target"]["target"]
    spread = ["deviation", "95 % interval"]
    heads = ["", "runs", "accuracy", *spread, "loss", *spread, "best epoch: mean, highest"]
    return tabulate(rows, [*heads, f"epochs to {_percent(target)} (never)"])


def _mean(
    mean: Mapping[str, Any], text: Callable[[float], str], width: Callable[[float], str]
) -> list[str]:
    if mean["size"] == 1:
        return [text(mean["mean"]), "", ""]
    interval = f"{text(mean['low'])} to {text(mean['high'])}"
    return [text(mean["mean"]), width(mean["deviation"]), interval]


def _verdict(each: Mapping[str, Any]) -> str:
    loss, met = each["val_loss_difference"], each["convergence"]
    verdict = "equivalent" if each["is_equivalent"] else "not shown to be equivalent"
    together = each["correlation"]
    needed = each["pairs_needed_if_equal"]
    return "\n  ".join(
        [
            f"{each['ours']} minus {each['theirs']}, {each['difference']['size']} pairs:"
            f" {_points(each['difference'])}",
            f"within {100 * each['margin']:g} points: {verdict}, p {each['p']:.3g}"
            f" (90 % interval {100 * each['low']:+.3f} to {100 * each['high']:+.3f})",
            f"power, if they are equal: {each['power_if_equal']:.0%}; for 80 %, with this"
            f" deviation, {'more than 10,000' if needed is None else needed} pairs are needed",
            f"any difference: p {each['differs_p']:.3g}; correlation by seed"
            f" {'-' if together is None else format(together, '.2f')}",
            f"loss: {loss['mean']:+.5f} (95 % interval {loss['low']:+.5f} to {loss['high']:+.5f})",
            f"epochs to {100 * met['target']:g} %: {met['difference']['mean']:+.2f}"
            f" (90 % interval {met['low']:+.2f} to {met['high']:+.2f}), within {met['margin']:g}:"
            f" {'equivalent' if met['is_equivalent'] else 'not shown to be equivalent'}; runs that"
            f" never reach it count one epoch more: {met['never'][0]} and {met['never'][1]}"
            f" (McNemar's p {met['never_p']:.2g})",
        ]
    )


def _points(mean: Mapping[str, Any]) -> str:
    return (
        f"{100 * mean['mean']:+.3f} points (95 % interval {100 * mean['low']:+.3f} to"
        f" {100 * mean['high']:+.3f}), deviation {100 * mean['deviation']:.3f}"
    )


def _bands(bands: Sequence[Mapping[str, Any]]) -> str:
    row = itemgetter("epoch", "of")
    rows = [
        [epoch, name, *(f"{b['low']:.4f} to {b['high']:.4f}, {b['normal_p']:.2f}" for b in group)]
        for (epoch, name), group in groupby(sorted(bands, key=row), row)
    ]
    title = (
        f"bands, each for {COVERAGE:.2%} of seeds with {CONFIDENCE:.0%} confidence, all of an epoch"
        f" for {TOGETHER:.0%};\n  with Shapiro-Wilk's p that their reciprocals are normal;"
        f" {DIFFERENCE}: of reciprocals"
    )
    return f"{title}\n{tabulate(rows, ['epoch', '', *METRICS])}"


def _outside(rejections: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            each["epoch"],
            each["of"],
            f"{each['rejected']} of {each['runs']}",
            "; ".join(f"{name} ({count})" for name, count in each["by"].items()),
        ]
        for each in rejections
    ]
    title = "outside the bands of all other seeds, if these were torch's runs"
    return f"{title}\n{tabulate(rows, ['epoch', '', 'seeds', 'by the band of'])}"


def _percent(accuracy: float) -> str:
    return f"{100 * accuracy:.3f} %"
