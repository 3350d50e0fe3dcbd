"""A compiled Keras model in another dtype, for as long as a climb computes, and then as it was.

Keras fixes the dtype of a variable, a layer, a loss and a metric when it makes them. So each of
these gets a second value in the climb's dtype, and a `Switch` exchanges the two.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf
from keras.src.trainers.compile_utils import CompileLoss, CompileMetrics

FLOATS = ("float16", "bfloat16", "float32", "float64")


class Switch:
    """Attributes of objects, each with the value that it has within `with switch.on():`."""

    def __init__(self) -> None:
        self._attributes: list[tuple[Any, str]] = []
        self._values: list[Any] = []
        self._is_on = False

    def add(self, owner: Any, attribute: str, value: Any) -> None:
        """Give an attribute another value for as long as the switch is on."""
        self._attributes.append((owner, attribute))
        self._values.append(value)

    @contextmanager
    def on(self) -> Iterator[None]:
        """Exchange the values; put the old ones back at the end. May be nested."""
        if self._is_on:
            yield
            return
        self._exchange()
        self._is_on = True
        try:
            yield
        finally:
            self._exchange()
            self._is_on = False

    def other(self, owner: Any, attribute: str) -> Any:
        """Return the value of an attribute on the other side of the switch."""
        return self._values[self._attributes.index((owner, attribute))]

    def _exchange(self) -> None:
        for place, (owner, attribute) in enumerate(self._attributes):
            before = getattr(owner, attribute)
            object.__setattr__(owner, attribute, self._values[place])
            self._values[place] = before


@contextmanager
def floatx(dtype: str) -> Iterator[None]:
    """Make `dtype` Keras' default for what is built meanwhile, and restore the caller's default."""
    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy(policy)


def switch_to(dtype: str, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> Switch:
    """Return a switch that puts a built, compiled model into `dtype`, with this optimizer.

    Within it the model has variables of its own, which begin with the values of the old ones. What
    is not a floating-point number keeps its dtype.
    """
    switch = Switch()
    switch.add(model, "optimizer", optimizer)

    policy = keras.dtype_policies.get(dtype)
    for layer in model._flatten_layers(include_self=True):
        if layer.compute_dtype in FLOATS:
            switch.add(layer, "_dtype_policy", policy)
        if isinstance(layer, keras.layers.InputLayer) and layer._dtype in FLOATS:
            switch.add(layer, "_dtype", dtype)
        for tensor in _symbolic_inputs(layer):
            if tensor._dtype in FLOATS:
                switch.add(tensor, "_dtype", dtype)
    _switch_variables(switch, dtype, model.variables)

    with floatx(dtype):
        losses = model._compile_loss
        if losses is not None:
            fresh = CompileLoss(
                losses._user_loss, losses._user_loss_weights, output_names=losses.output_names
            )
            switch.add(model, "_compile_loss", fresh)
            for loss in keras.tree.flatten(losses._user_loss):
                if isinstance(loss, keras.losses.Loss):
                    switch.add(loss, "_dtype", dtype)
        metrics = model._compile_metrics
        if metrics is not None:
            fresh = CompileMetrics(
                metrics._user_metrics,
                metrics._user_weighted_metrics,
                output_names=metrics.output_names,
            )
            switch.add(model, "_compile_metrics", fresh)
            for metric in keras.tree.flatten(
                (metrics._user_metrics, metrics._user_weighted_metrics)
            ):
                if isinstance(metric, keras.metrics.Metric):
                    switch.add(metric, "_dtype_policy", policy)
                    switch.add(metric, "_dtype", dtype)
                    _switch_variables(switch, dtype, metric.variables)
    return switch


def _symbolic_inputs(layer: Any) -> list[Any]:
    """Return the symbolic inputs of a Functional model; they cast whatever is passed in."""
    inputs = list(getattr(layer, "_inputs", None) or [])
    inner = getattr(layer, "_functional", None)  # of a Sequential model
    return inputs + list(getattr(inner, "_inputs", None) or [])


def _switch_variables(switch: Switch, dtype: str, variables: Iterable[keras.Variable]) -> None:
    for variable in {id(each): each for each in variables}.values():
        if variable._dtype in FLOATS:
            value = tf.Variable(tf.cast(variable._value, dtype), trainable=variable.trainable)
            switch.add(variable, "_value", value)
            switch.add(variable, "_dtype", dtype)
