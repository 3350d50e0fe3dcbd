"""What a saved Keras model says of its training, as far as an experiment can express it.

A model that was compiled keeps its optimizer, schedule and loss, and its layers keep their
regularizers. Nothing is taken that would be another computation: it is named instead.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel

from cnn_experiment.errors import shortened
from cnn_experiment.formats.keras_layer import KerasLayer
from cnn_experiment.formats.keras_object import NotTaken, in_words, keras_object
from cnn_experiment.formats.keras_optimizer import (
    is_of_keras_2,
    optimizer_of,
    rate_of,
    schedule_of,
)
from cnn_experiment.formats.keras_penalty import penalty_of

_LOSSES = {
    "categorical_crossentropy", "CategoricalCrossentropy",
    "sparse_categorical_crossentropy", "SparseCategoricalCrossentropy",
}  # fmt: skip
_USUAL: Mapping[str, tuple[Any, ...]] = {
    "from_logits": (False,),
    "label_smoothing": (0,),
    "axis": (-1,),
    "reduction": ("sum_over_batch_size", "auto"),
    "ignore_class": (None,),
}
"""The settings of these losses, and their values in our loss."""


class Training(NamedTuple):
    """The settings that a file gives, and those that it has and that are not taken."""

    taken: Mapping[str, BaseModel]
    """Fields of `Experiment`: `optimizer`, `schedule`, `regularizer`."""
    left: tuple[str, ...]
    """Each says what the file has, and why it is not taken."""

    def and_left(self, note: str) -> "Training":
        """Return the same with one more thing that is not taken."""
        return self._replace(left=(*self.left, note))


def training_of(layers: Sequence[KerasLayer], compiled: Any) -> Training:
    """Return what layers say, and what `compile` was given; None: the model was not compiled."""
    taken: dict[str, BaseModel] = {}
    left = [note for layer in layers for note in _notes_of(layer)]
    dtype = layers[-1].dtype or "float32"

    def take(name: str, read: Callable[[], BaseModel | None]) -> None:
        try:
            value = read()
        except NotTaken as reason:
            left.append(f"{name}: {reason}")
        else:
            taken.update({} if value is None else {name: value})

    take("regularizer", lambda: penalty_of(layers))
    if not isinstance(compiled, dict | None):
        return Training(taken, (*left, f"what compile was given: {shortened(compiled)}"))
    compiled = compiled or {}
    described = compiled.get("optimizer", compiled.get("optimizer_config"))
    if described is not None:
        take("optimizer", lambda: optimizer_of(described, dtype))
        if "optimizer" in taken:
            take("schedule", lambda: schedule_of(described, dtype))
        else:
            left.append(f"schedule: {in_words(rate_of(described))}, of an optimizer not taken")
    left += _notes_of_loss(compiled)
    if is_of_keras_2(described) and layers[-1].config.get("activation") == "sigmoid":
        left.append("loss: Keras 2 computes that of a sigmoid output from its probabilities")
    return Training(taken, tuple(left))


def _notes_of(layer: KerasLayer) -> list[str]:
    """Return what a layer has besides that would change its training."""
    notes = [
        f"{layer.title}: {setting} = {in_words(value)}"
        for setting, value in layer.config.items()
        if value is not None
        and setting.endswith(("_regularizer", "_constraint"))
        and setting != "kernel_regularizer"
    ]
    if layer.config.get("trainable", True) is not True and layer.class_name in ("Conv2D", "Dense"):
        notes.append(f"{layer.title}: trainable = {shortened(layer.config['trainable'])}")
    return notes


def _notes_of_loss(compiled: Mapping[str, Any]) -> list[str]:
    """Return what the loss is, unless it is ours, and its weights, if there are any."""
    notes = []
    described, weights = compiled.get("loss"), compiled.get("loss_weights")
    if described is not None:
        try:
            reason = _otherness(described)
        except NotTaken as other:
            reason = str(other)
        notes += [f"loss: {reason}"] if reason else []
    if weights not in (None, [], {}, 1):
        notes.append(f"loss_weights = {shortened(weights)}")
    return notes


def _otherness(described: Any) -> str | None:
    class_name, config = keras_object(described)
    if class_name not in _LOSSES:
        return f"it is {shortened(class_name)}; accepted: categorical_crossentropy"
    for name, value in config.items():
        if name not in ("name", "dtype") and value not in _USUAL.get(name, (None,)):
            return f"{class_name} with {shortened(name, quoted=False)} = {shortened(value)}"
    return None
