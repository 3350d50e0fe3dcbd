"""The answers to the questions of `results/PLAN.md` as text."""

from collections.abc import Iterable, Mapping
from typing import Any

from tabulate import tabulate

from measurements.accuracy.equivalence import MARGIN
from measurements.accuracy.published import ARTICLE_2_LOSSES


def planned_tables(found: Mapping[str, Any]) -> str:
    """Return the answers as text; parts without runs are left out."""
    texts = [hypotheses_text(found["hypotheses"])]
    if found["places"]:
        texts.append(places_text(found["places"]))
    if found["splits"]:
        texts.append(splits_text(found["splits"]))
    if found["training_losses"]:
        texts.append(training_losses_text(found["training_losses"]))
    return "\n\n\n".join(texts)


def hypotheses_text(answers: Iterable[Mapping[str, Any]]) -> str:
    """Return a paragraph for each hypothesis."""
    return "\n\n".join(["Hypotheses of results/PLAN.md", *map(_hypothesis, answers)])


def _hypothesis(answer: Mapping[str, Any]) -> str:
    where = "" if answer["device"] == "cpu" else f" on {answer['device']}"
    claim = (
        f"{answer['number']}. {answer['name']}: {answer['claim']}"
        f" ({answer['preset']}, {answer['epochs']} epochs{where})"
    )
    pairs = f"{answer['pairs']} of {answer['planned']} pairs"
    if answer["verdict"] is None:
        return f"{claim}\n  incomplete: {pairs}; not analysed"
    scale, unit = (100, " points") if answer["outcome"] == "val_accuracy" else (1, "")
    places = 3 if scale == 100 else 5
    mean = answer["difference"]

    def interval(of: Mapping[str, Any]) -> str:
        return " to ".join(f"{scale * of[end]:+.{places}f}" for end in ("low", "high"))

    out = ", ".join(map(str, answer["diverged"]))
    lines = [
        f"{claim}\n  {answer['verdict']}, by {pairs}"
        + (f"; a run diverged, and its pair is left out: seed {out}" if out else ""),
        f"{answer['ours']} minus {answer['theirs']}: {scale * mean['mean']:+.{places}f}{unit}"
        f" (95 % interval {interval(mean)}), deviation {scale * mean['deviation']:.{places}f}",
        f"that they differ: p {answer['differs_p']:.3g}",
    ]
    if "p" in answer:
        lines.append(
            f"within {100 * MARGIN:g} points: p {answer['p']:.3g}"
            f" (90 % interval {interval(answer)})"
        )
    return "\n  ".join(lines)


def places_text(studies: Iterable[Mapping[str, Any]]) -> str:
    """Return a table for each study and contestant."""
    title = (
        "Places of the published figures: the share of runs that reach them, with its exact"
        " binomial 95 % interval,\nand the percentile they lie at (ties count half)"
    )
    return "\n\n".join([title, *map(_study, studies)])


def _study(study: Mapping[str, Any]) -> str:
    rows = []
    for name, number in study["numbers"].items():
        accuracy = "accuracy" in name
        mean, least, greatest = (
            _text(number[key], accuracy) for key in ("mean", "least", "greatest")
        )
        spread = [mean, _deviation(number["deviation"], accuracy), least, greatest]
        places = [_place(place, accuracy, study["runs"]) for place in number["published"]]
        first, *more = places or [[]]
        rows += [[name, *spread, *first], *([""] * 5 + place for place in more)]
    title = (
        f"{study['study']}: {study['preset']}, {study['contestant']}, up to epoch"
        f" {study['epoch']}: {study['runs']} of {study['planned']} runs,"
        f" on {' and '.join(study['devices'])}"
    )
    heads = ["", "mean", "deviation", "least", "greatest"]
    heads += ["published", "reached by", "share", "95 % interval", "percentile"]
    return f"{title}\n{tabulate(rows, heads, disable_numparse=True)}"


def _text(value: float, is_accuracy: bool) -> str:
    return f"{100 * value:.3f} %" if is_accuracy else f"{value:.5f}"


def _deviation(value: float | None, is_accuracy: bool) -> str:
    """Return a standard deviation, of an accuracy in points; a single run has none."""
    if value is None:
        return ""
    return f"{100 * value:.3f}" if is_accuracy else f"{value:.5f}"


def _place(place: Mapping[str, Any], is_accuracy: bool, runs: int) -> list[str]:
    return [
        f"{100 * place['figure']:.2f} %" if is_accuracy else f"{place['figure']:.4f}",
        f"{place['reached']} of {runs}",
        f"{place['share']:.0%}",
        f"{place['low']:.1%} to {place['high']:.1%}",
        f"{place['percentile']:.1f}",
    ]


def splits_text(studies: Iterable[Mapping[str, Any]]) -> str:
    """Return a table of the deviations between splits and between starts."""
    rows = []
    for study in studies:
        complete = f"{study['splits']} of {study['planned']}"
        for name, scale, places in (("val_accuracy", 100, 3), ("val_loss", 1, 5)):
            unit = " points" if scale == 100 else ""
            cells = [
                f"{scale * of['deviation']:.{places}f}{unit}"
                f" ({scale * of['low']:.{places}f} to {scale * of['high']:.{places}f};"
                f" {of['degrees']} degrees)"
                for of in (study[name]["between"], study[name]["within"])
            ]
            rows.append([study["study"], study["device"], complete, name, *cells])
    title = (
        "Split or start? Standard deviations after the last epoch, by a one-way analysis of"
        " variance of the complete splits,\nwith 95 % intervals (between: Williams and Tukey;"
        " within: chi-square)"
    )
    heads = ["", "", "splits", "", "between splits", "between starts within a split"]
    return f"{title}\n{tabulate(rows, heads)}"


def training_losses_text(contestants: Iterable[Mapping[str, Any]]) -> str:
    """Return a table of article II's training losses and ours, by epoch."""
    rows = [["article II", "", *(f"{loss:.4f}" for loss in ARTICLE_2_LOSSES)]]
    for each in contestants:
        both = zip(each["means"], each["deviations"], strict=True)
        cells = [f"{mean:.4f} ± {deviation:.4f}" for mean, deviation in both]
        rows.append([each["contestant"], str(each["runs"]), *cells])
    title = "Training losses of article-2 by epoch: means over seeds ± standard deviation"
    heads = ["", "runs", *(f"epoch {epoch + 1}" for epoch in range(len(ARTICLE_2_LOSSES)))]
    return f"{title}\n{tabulate(rows, heads, disable_numparse=True)}"
