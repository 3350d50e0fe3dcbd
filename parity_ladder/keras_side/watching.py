"""The calls of layers in a Keras model, seen by replacing `keras.layers.Layer.__call__`.

That shows every layer, eagerly and inside `tf.function`, in subclassed models too, where a model
with more outputs could not be built.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf
from keras.src.backend import get_keras_mask
from numpy.typing import NDArray

from parity_ladder.layer_names import LOGITS


@dataclass
class LayerCall:
    """One call of a layer. In a shared layer there are several."""

    name: str
    """The layer's name, such as `conv2d` or `encoder/dense`, with `#2` for its second call."""
    layer: keras.layers.Layer
    inputs: list[Any]
    """The tensors that were passed in, in the order of the arguments."""
    outputs: list[Any]
    logits: list[Any] = field(default_factory=list)
    """What went into the softmax or sigmoid at the end of the layer, if it ends with one."""
    masks: list[Any] = field(default_factory=list)
    """The masks that hang on the inputs, such as those of an `Embedding` with `mask_zero`."""

    def named_outputs(self) -> dict[str, NDArray[Any]]:
        """Return the floating-point outputs, once they are arrays, by the layer's name and place.

        What goes into a softmax or a sigmoid at the end of the layer has a name of its own: a port
        may have that operation in its loss.
        """
        floats = [each for each in self.outputs if each.dtype.kind == "f"]
        if len(floats) == 1:
            logits = {self.name + LOGITS: self.logits[0]} if self.logits else {}
            return {**logits, self.name: floats[0]}
        return {f"{self.name}[{place}]": output for place, output in enumerate(floats)}


@dataclass
class Watch:
    """The calls so far, and the layers that are being called, the innermost last."""

    model: keras.Model
    calls: list[LayerCall] = field(default_factory=list)
    running: list[keras.layers.Layer] = field(default_factory=list)

    def name_of_call(self, layer: keras.layers.Layer) -> str:
        """Return the name of a layer's call that has not ended, with `#2` for its second."""
        name = name_of(self.model, layer)
        called = sum(call.layer is layer for call in self.calls)
        return f"{name}#{called + 1}" if called else name


_active: list[Watch] = []
"""The watches that are on; the innermost last."""


def name_of(model: keras.Model, layer: keras.layers.Layer) -> str:
    """Return the name of a layer of the model: its path, without the model's own name."""
    path = layer.path or layer.name
    return str(path).removeprefix(f"{model.name}/")


def running_layer() -> str | None:
    """Return the name of the innermost call of a layer; None outside of a watch."""
    if not _active or not _active[-1].running:
        return None
    return _active[-1].name_of_call(_active[-1].running[-1])


def inside_recurrent_layer() -> bool:
    """Return whether a recurrent layer is being called, whose steps are no layers of their own."""
    return bool(_active) and any(isinstance(e, keras.layers.RNN) for e in _active[-1].running)


@contextmanager
def watching(model: keras.Model) -> Iterator[list[LayerCall]]:
    """Yield a list to which each call of a layer within the model is added when it ends."""
    watch = Watch(model)
    original = keras.layers.Layer.__call__

    def watched(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        if layer is model:
            return original(layer, *args, **kwargs)
        if inside_recurrent_layer():
            return original(layer, *args, **kwargs)
        masks = _masks((args, kwargs))
        watch.running.append(layer)
        try:
            outputs = original(layer, *args, **kwargs)
        finally:
            watch.running.pop()
        name = watch.name_of_call(layer)
        flat = keras.tree.flatten((args, kwargs)), keras.tree.flatten(outputs)
        inputs, results = ([each for each in tensors if tf.is_tensor(each)] for tensors in flat)
        made = [each for each in results if all(each is not given for given in inputs)]
        logits = [e._keras_logits for e in made if getattr(e, "_keras_logits", None) is not None]
        watch.calls.append(LayerCall(name, layer, inputs, results, logits, masks))
        return outputs

    _active.append(watch)
    keras.layers.Layer.__call__ = watched
    try:
        yield watch.calls
    finally:
        keras.layers.Layer.__call__ = original
        _active.pop()


def _masks(arguments: Any) -> list[Any]:
    """Return the masks that hang on the arguments, each once; an attention takes them off."""
    tensors = [each for each in keras.tree.flatten(arguments) if tf.is_tensor(each)]
    masks = [m for m in map(get_keras_mask, tensors) if m is not None and visible(m)]
    return list({id(mask): mask for mask in masks}.values())


def visible(tensor: Any) -> bool:
    """Return whether a tensor can be returned: one made inside a loop or a branch cannot."""
    graph = getattr(tensor, "graph", None) if not tf.executing_eagerly() else None
    return graph is None or graph is tf.compat.v1.get_default_graph()
