"""The metrics of an epoch, as `fit` reports them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from parity_ladder.tolerances import Precision


def metrics_of_an_epoch(
    model: keras.Model,
    batches: Iterable[Sequence[Any]],
    losses: Sequence[tuple[float | None, int | None]],
    dtype: Precision,
) -> dict[str, float]:
    """Return the loss and the compiled metrics; batches are labels, predictions and weights.

    `losses` are each batch's loss and size. The losses of single outputs are left out: whether
    `fit` averages them by sample or by batch depends on how the data come.
    """
    for metric in model.metrics:
        metric.reset_state()
    tracker = keras.metrics.Mean(name="loss")
    metrics: Mapping[str, Any] = {}
    for (loss, size), (labels, predictions, weights) in zip(losses, batches, strict=True):
        # As a tensor, since a Python float would become float32.
        tracker.update_state(tf.constant(loss, dtype), sample_weight=size)
        metrics = model.compute_metrics(None, labels, predictions, weights)
    parts = model._compile_loss
    hidden = {"loss", *(each.name for each in (parts.metrics if parts else ()))}
    values = {name: value for name, value in metrics.items() if name not in hidden}
    return {"loss": float(tracker.result()), **{n: float(v) for n, v in values.items()}}
