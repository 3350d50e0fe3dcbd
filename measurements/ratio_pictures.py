"""Pictures of the ratios of times: in the benchmark, and in the MLP study."""

import io
from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from measurements.benchmark import BenchmarkResult
from measurements.growth import UNIT, Growth, settings_of
from measurements.mlp_study import Row


def of_benchmark(result: BenchmarkResult) -> Figure:
    """Draw the ratios with their intervals."""
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    peers = list(result["ratios"]["float32"])
    for offset, (variant, ratios) in zip((-0.15, 0.15), result["ratios"].items(), strict=True):
        for place, peer in enumerate(peers):
            if peer in ratios:
                ratio = ratios[peer]
                middle = ratio["median"]
                axes.errorbar(
                    middle,
                    place + offset,
                    xerr=[[middle - ratio["low"]], [ratio["high"] - middle]],
                    fmt="o",
                    color="C0" if variant == "float32" else "C1",
                    label=variant if place == 0 else None,
                )
    axes.set_yticks(range(len(peers)), peers)
    axes.invert_yaxis()
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set(xlabel="time / time of our step")
    axes.legend()
    return figure


def of_mlp_study(rows: Sequence[Row]) -> Figure:
    """Draw the ratios as bars, grouped by batch size."""
    names = list(dict.fromkeys(row["contestant"] for row in rows))
    sizes = list(dict.fromkeys(str(row["batch size"]) for row in rows))
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(names)
    for number, name in enumerate(names):
        ratios = [row["ratio"] for row in rows if row["contestant"] == name]
        places = [group + number * width for group in range(len(ratios))]
        axes.bar(places, ratios, width, label=name)
    middle = 0.4 - width / 2
    axes.set_xticks([group + middle for group in range(len(sizes))], sizes)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set(xlabel="batch size", ylabel="time / time of the fast NumPy MLP")
    axes.legend(ncols=2)
    return figure


def of_growth(rows: Sequence[Growth]) -> Figure:
    """Draw how times grow, ours and Keras' side by side, a panel for each setting."""
    settings = settings_of(rows)
    figure = Figure(figsize=(3 * len(settings), 3), layout="constrained")
    for axes, setting in zip(
        figure.subplots(1, len(settings), squeeze=False)[0], settings, strict=True
    ):
        own = [row for row in rows if row["setting"] == setting]
        values = [row["value"] for row in own]
        axes.plot(values, [row["ours"] for row in own], "o-", label="ours")
        axes.plot(values, [row["keras"] for row in own], "s--", label="Keras")
        axes.set(xscale="log", yscale="log", xlabel=setting)
        axes.set_xticks(values, [f"{value:,}" for value in values], minor=False)
        axes.minorticks_off()
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
    figure.axes[0].set_ylabel(UNIT)
    figure.axes[0].legend()
    return figure


def picture(figure: Figure, ending: str) -> bytes:
    """Return the content of an image file with this ending, such as `.png`."""
    file = io.BytesIO()
    figure.savefig(file, format=ending.removeprefix("."), dpi=120)
    return file.getvalue()
