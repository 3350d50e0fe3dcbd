"""Learning curves: accuracy, loss and learning rate over the epochs, as in article III."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cnn_experiment.look.pictures.style import COLOURS, colour_of, in_our_style
from cnn_experiment.runs.history import EpochRecord
from cnn_experiment.settings.presets import ACCURACY_LINE

_TRAINING, _VALIDATION = "#009E73", "#D55E00"
_MANY_EPOCHS = 20
"""With more epochs than this, markers would hide the line of a curve."""


@in_our_style
def curves(
    histories: Mapping[str, Sequence[EpochRecord]],
    epochs: int,
    *,
    lines: Sequence[float] = (ACCURACY_LINE,),
    panels_a_row: int = 3,
) -> Figure:
    """Accuracy, loss and learning rate over the epochs, as in article III.

    `histories` are the records of each run, by the run's name. One run has a colour for training
    and a colour for validation. Several runs have a colour each, with dotted lines for training.
    `lines` are accuracies at which a dashed line is drawn: see `accuracy_line`.
    """
    rows = -(-3 // panels_a_row)
    figure = Figure(figsize=(4 * panels_a_row, 3.4 * rows), layout="constrained")
    accuracy, loss, rate = np.ravel(figure.subplots(rows, panels_a_row))[:3]
    for line in lines:
        accuracy.axhline(line, label=f"{line}", color="#777777", linestyle="--", linewidth=0.9)

    marker = "." if epochs <= _MANY_EPOCHS else ""
    for number, (name, history) in enumerate(histories.items()):
        colour = colour_of(number)
        several = len(histories) > 1
        dashes = ("-", "--", "-.")[number // len(COLOURS) % 3]
        training = {"color": colour if several else _TRAINING, "linestyle": ":" if several else "-"}
        validation = {"color": colour if several else _VALIDATION, "linestyle": dashes}
        prefix = f"{name}, " if several else ""
        shown = marker or ("." if len(history) == 1 else "")
        at = [record.epoch for record in history]
        for axes, field in ((accuracy, "accuracy"), (loss, "loss")):
            parts = (("", "training", training), ("val_", "validation", validation))
            for kind, label, look in parts:
                values = [getattr(record, kind + field) for record in history]
                axes.plot(at, values, marker=shown, label=prefix + label, linewidth=1.2, **look)
        rates = [record.learning_rate for record in history]
        rate.plot(at, rates, marker=shown, label=name, color=colour if several else COLOURS[1])

    _limit(accuracy, loss, rate, histories)
    for axes, title in ((accuracy, "accuracy"), (loss, "loss"), (rate, "learning rate")):
        axes.set(title=title, xlabel="epoch", xlim=(0, epochs + 1))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
    labels = [
        str(line.get_label()) for line in accuracy.lines
    ]  # matplotlib would drop names that begin with _
    accuracy.legend(accuracy.lines, labels, loc="lower right", fontsize=8)
    rate.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    return figure


def _limit(
    accuracy: Axes, loss: Axes, rate: Axes, histories: Mapping[str, Sequence[EpochRecord]]
) -> None:
    """Set the articles' limits of the y-axes, extended if a curve would be outside."""
    records = [record for history in histories.values() for record in history]
    lowest = min([0.97, *(min(r.accuracy, r.val_accuracy) - 0.005 for r in records)])
    highest = max([0.2, *(1.05 * max(r.loss, r.val_loss) for r in records)])
    accuracy.set_ylim(lowest, 1 + 0.03 * (1 - lowest))
    loss.set_ylim(0, highest)
    rate.set_ylim(0, 1.1 * max([1e-9, *(r.learning_rate for r in records)]))
