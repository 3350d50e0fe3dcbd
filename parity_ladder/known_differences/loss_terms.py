"""The loss of a Keras model, taken apart: a term for each of its outputs that has a loss.

An entry says what a term would be with its mistake. What the whole loss is then follows here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend import get_keras_mask
from keras.src.losses.loss import reduce_weighted_values
from keras.src.losses.losses import LossFunctionWrapper
from numpy.typing import NDArray

from parity_ladder.keras_side.precision import floatx
from parity_ladder.keras_side.randomness import as_array

if TYPE_CHECKING:
    pass

Array = NDArray[Any]
_AS_IT_IS: Any = object()


@dataclass(frozen=True)
class Term:
    """What one output of the model adds to the loss."""

    loss: keras.losses.Loss
    """The loss object, also where the model was compiled with a name or a function."""
    share: float
    """By what the term is multiplied, of `compile(loss_weights=)`; 1 without it."""
    labels: Array
    predictions: Array
    logits: Array | None
    """What Keras computes the loss of in place of the predictions, if they carry it."""
    weights: Array | None
    """The sample weights."""
    layers_mask: Array | None
    """The mask that the layers have passed on with the predictions."""
    dtype: str

    @property
    def kind(self) -> str:
        """The name of Keras' own function, such as `huber`; empty for a loss of the user's."""
        function = getattr(self.loss, "fn", None)
        own = getattr(function, "__module__", "").startswith("keras.src.")
        return str(getattr(function, "__name__", "")) if own else ""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings of the loss, such as `delta`; those left at their defaults may lack."""
        return dict(getattr(self.loss, "_fn_kwargs", {}))

    @property
    def scores(self) -> Array | None:
        """What goes into the softmax or sigmoid, be it the model's or the loss's."""
        return self.predictions if self.settings.get("from_logits") else self.logits

    @property
    def probabilities(self) -> Array:
        """The predictions as probabilities."""
        if not self.settings.get("from_logits"):
            return self.predictions
        is_binary = self.kind.startswith("binary")
        function = keras.ops.sigmoid if is_binary else keras.ops.softmax
        return as_array(function(tf.constant(self.predictions)))

    @property
    def same_rank_labels(self) -> Array:
        """The labels in floating point, with as many axes as the predictions."""
        labels = self.labels.astype(self.dtype)
        added = self.predictions.ndim - labels.ndim
        return labels[..., None] if added == 1 and self.predictions.shape[-1] == 1 else labels

    @property
    def classes(self) -> Array:
        """The number of each label's class, also where the labels are one-hot."""
        if not self.kind.startswith("sparse"):
            return np.asarray(self.labels.argmax(-1))
        classes = self.labels.astype(np.int64)
        return classes[..., 0] if classes.ndim == self.predictions.ndim else classes

    @property
    def targets(self) -> Array:
        """The labels one-hot, smoothed as the loss smooths them."""
        count = self.predictions.shape[-1]
        if self.kind.startswith("sparse"):
            return np.eye(count, dtype=self.dtype)[self.classes]
        smoothing = self.settings.get("label_smoothing") or 0.0
        share = 0.5 if self.kind.startswith("binary") else 1 / count
        return np.asarray(self.same_rank_labels * (1 - smoothing) + share * smoothing)

    def values(
        self,
        *,
        labels: Array | None = None,
        predictions: Array | None = None,
        function: Callable[..., Any] | None = None,
        **settings: Any,
    ) -> Array:
        """Return the loss of each sample, as Keras computes it, with some things changed.

        Predictions that are passed in carry no logits.
        """
        return as_array(self._tensor(labels, predictions, function, settings))

    def _tensor(
        self,
        labels: Array | None,
        predictions: Array | None,
        function: Callable[..., Any] | None,
        settings: Mapping[str, Any],
    ) -> Any:
        with floatx(self.dtype):
            y = tf.constant(self.labels if labels is None else labels, self.dtype)
            p = tf.constant(self.predictions if predictions is None else predictions, self.dtype)
            if predictions is None and self.logits is not None:
                p._keras_logits = tf.constant(self.logits, self.dtype)
            if not hasattr(self.loss, "fn"):
                return self.loss.call(y, p)
            kept = {**self.settings, **settings} if function is None else settings
            return LossFunctionWrapper(function or self.loss.fn, **kept).call(y, p)

    @cached_property
    def mask(self) -> Array | None:
        """The entries that count, of the layers' mask and of an ignored class; None for all."""
        of_loss = get_keras_mask(self._tensor(None, None, None, {}))
        masks = [self.layers_mask, None if of_loss is None else as_array(of_loss)]
        known = [mask for mask in masks if mask is not None]
        return np.logical_and.reduce(known) if known else None

    def reduced(
        self,
        values: Array,
        *,
        weights: Array | None = _AS_IT_IS,
        mask: Array | None = _AS_IT_IS,
        reduction: str = _AS_IT_IS,
    ) -> float:
        """Return the term that these losses of samples make, as Keras reduces them."""
        with floatx(self.dtype):
            reduced = reduce_weighted_values(
                tf.constant(values, self.dtype),
                sample_weight=self.weights if weights is _AS_IT_IS else weights,
                mask=self.mask if mask is _AS_IT_IS else mask,
                reduction=self.loss.reduction if reduction is _AS_IT_IS else reduction,
                dtype=self.dtype,
            )
        return float(reduced)

    @cached_property
    def right(self) -> float:
        """The term as Keras computes it, before it is multiplied by its share."""
        return self.reduced(self.values())
