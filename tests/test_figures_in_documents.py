"""The figures in the documents' sentences, and in one of the Makefile, are those of measured runs.

`test_documents.py` holds the tables.
"""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy import stats

from measurements.accuracy import published
from measurements.accuracy.analysis import analysis
from measurements.accuracy.page_tables import interval
from measurements.accuracy.places import places
from measurements.accuracy.runs import read_runs
from measurements.accuracy.splits import split_or_start
from measurements.accuracy.verdicts import shown, verdicts
from measurements.whole_run import read_distances
from tests.documents import ROOT, TEXT

RESULTS = ROOT / "results"
EARLIER = read_runs(RESULTS / "accuracy.jsonl")
PLANNED = read_runs(RESULTS / "confirmatory.jsonl")
VERDICTS = {each["name"]: each for each in verdicts(PLANNED)}


def comparisons(runs: Iterable[Any], preset: str) -> list[dict[str, Any]]:
    """What is known of the pairs of an experiment of 5 epochs on the processor."""
    (found,) = (
        each
        for each in analysis(runs)
        if (each["preset"], each["epochs"], each["device"]) == (preset, 5, "cpu")
    )
    pairs: list[dict[str, Any]] = found["comparisons"]
    return pairs


def within_the_margin(verdict: dict[str, Any], digits: int) -> str:
    low, high = 100 * verdict["low"], 100 * verdict["high"]
    return f"(p {verdict['p']:.{digits}f}, 90 % interval {low:+.3f} to {high:+.3f})"


def of_equals() -> list[str]:
    """The verdicts on accuracies: each is that two contestants reach the same."""
    a, c, i = (VERDICTS[name] for name in ("A", "C1", "I"))
    assert {each["verdict"] for each in (a, c, i)} == {"equivalent"}
    both = comparisons(EARLIER, "article-2")[0]["difference"]
    correlation = comparisons(shown(PLANNED), "article-2")[0]["correlation"]
    return [
        f"In {a['pairs']} new pairs PyTorch minus Keras is {interval(a['difference'])}",
        within_the_margin(a, 3),
        f"finds no difference (p {a['differs_p']:.2f})",
        f"(correlation by seed {correlation:.2f})",
        f"The {both['size']} earlier pairs",
        f"had suggested {interval(both)}",
        f"in {c['pairs']} new pairs it is {interval(c['difference'])}",
        within_the_margin(c, 3),
        f"in {i['pairs']} pairs it is {interval(i['difference'])} from float32",
        within_the_margin(i, 4),
    ]


def of_the_addendum_s_losses() -> list[str]:
    """What the earlier pairs suggested, and the verdict of the new ones."""
    verdict = VERDICTS["C2"]
    assert verdict["verdict"] == "not confirmed"
    loss = verdict["difference"]
    earlier = comparisons(EARLIER, "article-3-addendum")[0]
    ahead, lower = earlier["difference"], earlier["val_loss_difference"]
    error = lower["deviation"] / lower["size"] ** 0.5
    p = 2 * stats.t.sf(abs(lower["mean"]) / error, lower["size"] - 1)
    return [
        f"In {ahead['size']} earlier pairs",
        f"{interval(ahead)[:-1]}; p {earlier['differs_p']:.2f})",
        f"by {-lower['mean']:.4f} ({-lower['high']:.4f} to {-lower['low']:.4f}; p {p:.3f})",
        f"differ by {loss['mean']:+.4f} ({loss['low']:+.4f} to {loss['high']:+.4f};"
        f" p {verdict['differs_p']:.2f})",
    ]


def of_stock_rmsprop() -> list[str]:
    stock = [run for run in EARLIER if run.contestant == "torch-stock-rmsprop"]
    assert max(run.loss[0] for run in stock) < published.ARTICLE_2_LOSSES[0]
    needed = comparisons(EARLIER, "article-2")[2]["pairs_needed_if_equal"]
    return [
        f"spread would need {needed}.",
        f"is above all {len(stock)} runs by Keras 2's",
    ]


def of_places() -> list[str]:
    numbers = {
        (each["study"], each["contestant"]): each["numbers"] for each in places(shown(PLANNED))
    }
    for contestant in ("keras", "torch"):
        assert numbers["B", contestant][published.FIRST_LOSS]["published"][0]["reached"] == 0
        assert numbers["B", contestant][published.ACCURACY]["least"] > 0.7436
    lowest, highest = numbers["D", "torch"][published.LOWEST]["published"]
    assert lowest["reached"] == 0
    (first,) = numbers["B", "torch-stock-rmsprop"][published.FIRST_LOSS]["published"]
    return [
        f"by Keras 2's {first['reached']} of 30",
        f"A loss of {highest['figure']} is reached by {highest['reached']} of our 20 runs, the"
        f" lowest printed one, {lowest['figure']}, by none.",
    ]


def of_splits_and_starts() -> str:
    (found,) = (
        each for each in split_or_start(PLANNED) if (each["study"], each["device"]) == ("D", "cuda")
    )
    between, within = (deviation(found["val_accuracy"][what]) for what in ("between", "within"))
    return (
        f"article-3`'s accuracy over the {found['splits']} splits trained on CUDA, the standard"
        f" deviation between splits is {between}, that between starts with one split, other"
        f" weights and batches, {within.replace(' points', '')}."
    )


def deviation(found: dict[str, float]) -> str:
    """In points."""
    middle, low, high = (100 * found[what] for what in ("deviation", "low", "high"))
    return f"{middle:.3f} points ({low:.3f} to {high:.3f})"


def test_its_comparisons_are_the_measured_ones() -> None:
    said = [*of_equals(), *of_the_addendum_s_losses(), *of_stock_rmsprop()]
    assert [figure for figure in said if figure not in TEXT] == []


def test_its_places_are_the_measured_ones() -> None:
    said = [*of_places(), of_splits_and_starts()]
    assert [figure for figure in said if figure not in TEXT] == []


def test_what_two_machines_differ_by_is_measured() -> None:
    """As `make train` says it, and the README."""
    of = {
        device: {
            run.seed: run
            for run in PLANNED
            if (run.preset, run.contestant, run.device) == ("article-2", "torch", device)
        }
        for device in ("cpu", "cuda")
    }
    seeds = of["cpu"].keys() & of["cuda"].keys()
    pairs = [(of["cpu"][seed], of["cuda"][seed]) for seed in seeds]
    assert all(one.epochs == other.epochs == 5 for one, other in pairs)
    losses = [abs(one.loss[0] - other.loss[0]) for one, other in pairs]
    accuracies = [abs(one.val_accuracy[-1] - other.val_accuracy[-1]) for one, other in pairs]
    loss, accuracy = np.quantile(losses, 0.95), np.quantile(accuracies, 0.95)
    of_make = " ".join(
        (ROOT / "Makefile").read_text().replace("@echo", "").replace("'", "").split()
    )
    said = f"{len(pairs)} such runs on a CPU and again on a GPU, 95 % differed by at most"
    assert f"{said} {loss:.4f} and {accuracy:.4f}" in of_make
    assert f"{said} {loss:.4f} in the loss of epoch 1 and by {100 * accuracy:.2f} points" in TEXT


def test_the_times_of_the_step_are_the_measured_ones() -> None:
    busy = json.loads((RESULTS / "benchmark.json").read_bytes())
    ours = busy["contestants"]["float32"]
    share = ours["gflops"] / busy["matrix_product_peak_gflops"]["float32"]
    quiet = json.loads((RESULTS / "benchmark_load.json").read_bytes())["contestants"][0]
    assert (quiet["contestant"], quiet["busy"]) == ("float32", 0)
    assert f"our float32 step took {ours['ms_a_step']:.0f} ms" in TEXT
    assert f"it had taken {quiet['ms_a_step']:.0f} in the turns" in TEXT
    assert f"reached {100 * share:.0f} % of the speed of a plain matrix product" in TEXT


def test_the_losses_that_tell_the_momentum_are_the_measured_ones() -> None:
    for name, epochs, at in (
        ("article-3", 80, (13, 19, 22)),
        ("article-3, momentum 0.8", 22, (13, 19, 22)),
        ("article-3-addendum", 80, (15, 23, 35)),
        ("article-3-addendum, momentum 0.8", 35, (15, 23, 35)),
    ):
        assert losses_at(at, (name, epochs)) in TEXT


def losses_at(looked_at: tuple[int, ...], experiment: tuple[str, int]) -> str:
    """From which to which all runs' training losses are after these epochs."""
    runs = [
        run.loss
        for run in read_runs(RESULTS / "accuracy.jsonl")
        if run.identity[:3:2] == experiment
    ]
    ranges = []
    for epoch in looked_at:
        found = sorted(loss[epoch - 1] for loss in runs)
        ends = dict.fromkeys(f"{end:.4f}" for end in (found[0], found[-1]))
        ranges.append(" to ".join(ends))
    return ", ".join(ranges)


def test_its_distances_in_float64_are_the_measured_ones() -> None:
    distances = read_distances(RESULTS / "float64_article-3.jsonl")
    last = distances[-1]
    assert f"{last.step:,} steps" in TEXT
    assert f"{last.predictions_that_differ} of the {last.predictions:,} predictions" in TEXT
    for figure in ("weights", "loss", "val_loss"):
        assert f"{max(getattr(each, figure) for each in distances):.1e}" in TEXT
