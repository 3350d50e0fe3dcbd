"""Pictures: what they show is what was given, and the same input gives the same bytes."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from cnn_experiment import EpochRecord, UserError
from cnn_experiment.look import pictures

SCRIPT = """
import hashlib, numpy as np
from cnn_experiment.look import pictures
from tests.test_pictures import every_figure
for name, figure in every_figure().items():
    print(name, hashlib.sha256(pictures.png(figure)).hexdigest())
    print(name, hashlib.sha256(pictures.svg(figure, name, "words").encode()).hexdigest())
"""


def history(epochs: int, offset: float = 0.0) -> list[EpochRecord]:
    return [
        EpochRecord(
            epoch=epoch,
            step=938 * epoch,
            learning_rate=1e-3 / epoch,
            loss=0.15 / epoch + offset,
            accuracy=1 - 0.04 / epoch,
            val_loss=0.06 / epoch + 0.02,
            val_accuracy=0.993 - 0.01 / epoch,
            seconds=1.0 + offset,
        )
        for epoch in range(1, epochs + 1)
    ]


def every_figure(offset: float = 0.0) -> dict[str, Figure]:
    source = np.random.RandomState(0)
    maps, nodes = source.rand(5, 5, 10) + offset, source.rand(12)
    digit = source.rand(28, 28)
    panels = [
        pictures.Panel("torch", maps),
        pictures.Panel("apart", maps - 0.5, is_difference=True),
    ]
    node_panels = [pictures.Panel("torch", nodes)]
    guess = pictures.Guess("a.png", 255 * digit, 255 * digit, nodes / nodes.sum())
    return {
        "curves": pictures.curves({"": history(5, offset)}, 5),
        "maps": pictures.layer_outputs([pictures.ImageRow("a 4", digit, panels)]),
        "nodes": pictures.layer_outputs([pictures.ImageRow("a 4", digit, node_panels)]),
        "sheet": pictures.digit_sheet([digit], ["a 4"], "doubtful"),
        "confusion": pictures.confusion_matrix(np.arange(9).reshape(3, 3), "some"),
        "guesses": pictures.guesses([guess]),
    }


def test_the_same_input_gives_the_same_bytes_in_any_process_and_style() -> None:
    figures = every_figure()
    ours = [
        f"{name} {hashlib.sha256(made).hexdigest()}"
        for name, figure in figures.items()
        for made in (pictures.png(figure), pictures.svg(figure, name, "words").encode())
    ]
    paths = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": paths, "MPLBACKEND": "svg"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split("\n")[:-1] == ours
    with mpl.rc_context({"axes.facecolor": "black", "font.size": 20, "image.cmap": "gray"}):
        assert pictures.png(every_figure()["curves"]) == pictures.png(figures["curves"])
    assert pictures.png(every_figure(0.01)["curves"]) != pictures.png(figures["curves"])
    assert pictures.png(every_figure(0.01)["maps"]) != pictures.png(figures["maps"])


@pytest.mark.parametrize("epochs", [1, 5, 80])
def test_curves_show_every_epoch_and_the_articles_line(epochs: int) -> None:
    records = history(epochs)
    accuracy, loss, rate = pictures.curves({"": records}, 80).axes
    at = [record.epoch for record in records]
    for axes, fields in (
        (accuracy, ("accuracy", "val_accuracy")),
        (loss, ("loss", "val_loss")),
        (rate, ("learning_rate",)),
    ):
        lines = [line for line in axes.lines if line.get_linestyle() != "--"]
        for line, field in zip(lines, fields, strict=True):
            assert np.asarray(line.get_xdata()).tolist() == at
            values = [getattr(record, field) for record in records]
            assert np.asarray(line.get_ydata()).tolist() == values
            low, high = axes.get_ylim()
            assert all(low <= value <= high for value in values)
            assert (line.get_marker() == ".") == (epochs == 1)  # a point alone makes no line
        assert axes.get_xlim() == (0, 81)
    (reference,) = (line for line in accuracy.lines if line.get_linestyle() == "--")
    assert np.unique(np.asarray(reference.get_ydata())) == 0.992


def test_each_line_of_the_articles_stands_in_the_legend() -> None:
    accuracy = pictures.curves({"": history(3)}, 3, lines=(0.992, 0.9935)).axes[0]
    lines = {
        line.get_label(): set(np.asarray(line.get_ydata()).tolist())
        for line in accuracy.lines
        if line.get_linestyle() == "--"
    }
    assert lines == {"0.992": {0.992}, "0.9935": {0.9935}}
    legend = accuracy.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()][:2] == ["0.992", "0.9935"]


def test_two_runs_are_told_apart() -> None:
    axes = pictures.curves({"torch": history(3), "keras": history(3, 0.1)}, 3).axes[1]
    colours = {line.get_label(): line.get_color() for line in axes.lines}
    assert colours["torch, training"] == colours["torch, validation"]
    assert colours["torch, training"] != colours["keras, training"]


def test_many_runs_and_odd_names_stand_in_the_legend() -> None:
    axes = pictures.curves({f"_run {n}": history(2, 0.01 * n) for n in range(8)}, 2).axes[0]
    legend = axes.get_legend()
    assert legend is not None
    shown = [text.get_text() for text in legend.get_texts()]
    assert "_run 7, validation" in shown
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.lines}
    assert len({look for look in looks if look[1] != ":"}) == 9  # the runs', and the reference


def test_maps_stand_eight_in_a_row() -> None:
    maps = np.arange(2 * 3 * 10.0).reshape(2, 3, 10)
    grid = pictures.tiled(maps)
    assert grid.shape == (4, 24)
    np.testing.assert_array_equal(grid[:2, 3:6], maps[:, :, 1])
    np.testing.assert_array_equal(grid[2:, 3:6], maps[:, :, 9])
    assert np.isnan(grid[2:, 6:]).all()
    nodes = pictures.tiled(np.arange(10.0))
    assert nodes.shape == (2, 8)
    assert (nodes[1, 1], nodes[0, 7]) == (9, 7)
    assert np.isnan(nodes[1, 2:]).all()
    assert pictures.tiled(np.zeros((4, 5, 3))).shape == (4, 15)  # fewer take no more room


def test_scaled_maps_are_the_articles() -> None:
    """Article V: standardise a map, times 64, plus 128, cut to 0 to 255."""
    maps = np.random.RandomState(0).rand(4, 4, 3).astype(np.float32) ** 8
    maps[:, :, 2] = 0.5
    for number in range(3):
        one = maps[:, :, number] - maps[:, :, number].mean()
        if one.std() != 0:
            one = one / one.std()
        expected = np.clip(one * 64 + 128, 0, 255).astype(np.uint8)
        np.testing.assert_array_equal(pictures.standardised(maps)[:, :, number], expected)
    nodes = pictures.standardised(np.array([0.0, 1.0, 2.0]))
    assert nodes.tolist() == [49, 128, 206]


def test_all_rows_share_one_scale_and_differences_have_their_own() -> None:
    digit = np.zeros((28, 28))
    rows = [
        pictures.ImageRow(
            "a 4",
            digit,
            [
                pictures.Panel("torch", np.full(9, top)),
                pictures.Panel("apart", np.full(9, apart), is_difference=True),
            ],
        )
        for top, apart in ((1.0, 1e-7), (3.0, -4e-7))
    ]
    panels = [axes for axes in pictures.layer_outputs(rows).axes if axes.images]
    limits = [axes.images[0].get_clim() for axes in panels]
    assert limits[1] == limits[4] == (1.0, 3.0)
    assert limits[2] == limits[5] == (-4e-7, 4e-7)


def test_where_nothing_differs_there_is_no_scale_of_differences() -> None:
    panels = [
        pictures.Panel("torch", np.ones(9)),
        pictures.Panel("same", np.zeros(9), is_difference=True),
    ]
    found = pictures.layer_outputs([pictures.ImageRow("a 4", np.zeros((28, 28)), panels)])
    assert len(found.axes) == 3 + 1  # the digit, two panels, one bar


def test_a_map_of_colours_that_is_not_there_is_named() -> None:
    looked = pictures.ImageRow("a 4", np.zeros((28, 28)), [pictures.Panel("torch", np.zeros(3))])
    with pytest.raises(UserError, match="cmap = 'plaid': accepted: jet, viridis"):
        pictures.layer_outputs([looked], "plaid")


def test_an_svg_is_its_own_and_takes_the_colour_of_its_page() -> None:
    figure = every_figure()["curves"]
    one, other = (pictures.svg(figure, name, 'of "both"') for name in ("one", "other"))
    found = ET.fromstring(one)  # noqa: S314 - our own
    assert found.get("role") == "img"
    assert found.get("aria-label") == 'of "both"'
    assert found.get("width") is None
    names = [
        {element.get("id") for element in ET.fromstring(text).iter()} - {None}  # noqa: S314
        for text in (one, other)
    ]
    assert not names[0] & names[1]
    assert "currentColor" in one
    assert pictures.INK not in one
