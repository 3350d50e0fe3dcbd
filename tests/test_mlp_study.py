"""The studies of the hand-written MLP: what they divide, and that they leave no print out."""

import csv
import time
from collections.abc import Iterable
from itertools import product

import numpy as np
import pytest

from cnn_experiment import UserError
from measurements import mlp_forward, mlp_parts, mlp_study, mlp_training
from measurements.mlp_published import BACKWARD, FROM_ERRORS, HITS, PARTS, PRINTED
from tests.documents import ROOT, TEXT
from tests.running_scripts import run_in_a_process


def result(name: str) -> list[dict[str, str]]:
    with (ROOT / "results" / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_stopwatch_counts_from_one_end_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 11.0, 13.0, 17.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(times))
    watch = mlp_parts.Stopwatch()
    for part in ("forward", "cost", "forward"):
        watch(part)
    assert watch.seconds == {"forward": 1 + 4, "cost": 2}


def test_parts_are_over_the_forward_pass_and_over_all_layers() -> None:
    seconds = {"batch": 1.0, "forward": 2.0, "cost": 3.0, "error": 4.0, "correction": 5.0}
    of_layers = {"output layer": 1.0, "layer 1: gradient": 6.0, "layer 0: gradient": 2.0}
    found = mlp_parts.ratios(seconds | of_layers)
    top = {"batch": 0.5, "forward": 1.0, "cost": 1.5, "error": 2.0, "correction": 2.5}
    assert found == {
        **top, "backward": 4.5, "layer 1: gradient": 0.75, "layer 0: gradient": 0.25,
    }  # fmt: skip
    assert mlp_parts.ratios({**seconds, "backward": 7.0}) == {**top, "backward": 3.5}


def test_the_articles_parts_are_the_means_of_its_prints() -> None:
    small, big = mlp_parts.article_ratios(500), mlp_parts.article_ratios(15_000)
    both = (0.00112558 / 0.00080975, 0.00106464 / 0.00082022)
    assert small["backward"] == pytest.approx(np.mean(both))
    assert sum(own for part, own in big.items()) == pytest.approx(1)
    assert big["layer 1: derivative"] == pytest.approx(0.376, abs=5e-4)
    assert mlp_parts.article_ratios(20_000) == {}


def test_each_part_that_the_article_times_is_timed() -> None:
    rows = list(mlp_parts.measured(1, 600))
    named = {(row["batch size"], row["part"]) for row in rows}
    layers = {part for prints in BACKWARD.values() for each in prints for part in each}
    assert named == set(product(mlp_parts.BATCH_SIZES, PARTS.keys() | layers))
    for size in mlp_parts.BATCH_SIZES:
        of_size = [row for row in rows if row["batch size"] == size]
        through = [row["before Step III"] for row in of_size if row["over"] != "forward"]
        assert sum(through) == pytest.approx(1, abs=0.01)  # of rounded shares
        timed_at_last = {row["part"] for row in of_size if row["last program"] != ""}
        assert timed_at_last == PARTS.keys()


def contestants(rows: Iterable[mlp_study.Row]) -> set[tuple[str, int]]:
    return {(row["contestant"], row["batch size"]) for row in rows}


def test_each_forward_pass_of_the_articles_is_timed() -> None:
    rows = list(mlp_forward.measured(1, 600))
    assert contestants(rows) >= mlp_forward.ARTICLES.keys()
    assert {row["ratio"] for row in rows if row["contestant"] == mlp_study.FAST} == {1.0}


def test_each_epoch_of_the_articles_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlp_study, "BATCH_SIZES", (500,))
    rows = list(mlp_study.measured(1, 600))
    assert contestants(rows) >= {key for key in mlp_study.ARTICLES if key[1] == 500}


def test_each_figure_that_the_articles_print_stands_beside_ours() -> None:
    rows = [row for row in mlp_training.measured(2, 600) if row["place"]]
    theirs = {(row["batch size"], row["figure"], row["article"], row["place"]) for row in rows}
    assert theirs == {(p.batch_size, p.figure, p.value, p.place) for p in PRINTED}
    assert all(row["lowest"] < row["highest"] for row in rows)  # seeds differ


@pytest.mark.parametrize("study", ["parts", "training"])
def test_a_study_without_a_picture_refuses_to_draw(study: str) -> None:
    run = run_in_a_process("mlp_study", "--study", study, "--plot", "a.png", timeout=20)
    assert run.returncode == 1
    assert run.stderr == "error: plot = a.png: accepted: with --study speed or forward\n"


def test_more_images_than_there_are_are_refused() -> None:
    with pytest.raises(UserError, match="train_images"):
        next(iter(mlp_forward.measured(1, 60_001)))


def test_what_the_documents_say_of_the_studies_is_measured() -> None:
    big = [
        float(row["ratio"])
        for row in result("mlp_forward")
        if row["contestant"] == "C order" and int(row["batch size"]) >= 10_000
    ]
    assert f"takes {min(big):.1f} to {max(big):.1f} times as long" in TEXT
    derivatives = [
        row
        for row in result("mlp_parts")
        if row["batch size"] == "15000" and row["part"].endswith("derivative")
    ]
    ours, article = (
        100 * sum(float(row[column]) for row in derivatives)
        for column in ("before Step III", "article")
    )
    assert f"take {ours:.0f} %, in the article {article:.0f} %" in TEXT


def test_each_printed_figure_lies_within_what_our_seeds_gave() -> None:
    rows = result("mlp_training")
    printed = [row for row in rows if row["place"]]
    within = [
        float(row["lowest"]) <= float(row["article"]) <= float(row["highest"]) for row in printed
    ]
    assert within == [True] * len(PRINTED)
    assert f"all {len(PRINTED)} figures" in TEXT
    at_20_000 = {row["figure"]: row for row in rows if row["batch size"] == "20000"}
    errors, hits = at_20_000[FROM_ERRORS], at_20_000[HITS]
    low, high = (float(errors[end]) for end in ("lowest", "highest"))
    assert f"ours are {low:.3f} to {high:.3f}" in TEXT
    low, high = (100 * float(hits[end]) for end in ("lowest", "highest"))
    assert f"{low:.1f} to {high:.1f} % of the training images" in TEXT
