"""The penalty on the kernels of a saved Keras model, if an experiment can express it."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from cnn_experiment.formats.keras_layer import KerasLayer
from cnn_experiment.formats.keras_object import NotTaken, in_words, keras_object, validated
from cnn_experiment.formats.shortest import shortest_in_float32
from cnn_experiment.settings.regularizers import L1, L2

_STRENGTH_OF_A_NAME = 0.01
"""Keras' default, which a regularizer has that is written as a name alone."""


def penalty_of(layers: Sequence[KerasLayer]) -> BaseModel | None:
    """Return the penalty that all kernels of some groups have, and no other kernel has.

    The groups are those of `Penalty.layers`. None: no kernel has a penalty. Raises `NotTaken` if
    there is a penalty that an experiment cannot have.
    """
    dense = [layer for layer in layers if layer.class_name == "Dense"]
    groups = {
        "convolutions": [layer for layer in layers if layer.class_name == "Conv2D"],
        "hidden": dense[:-1],
        "output": dense[-1:],
    }
    found = {
        name: {_penalty(layer.config.get("kernel_regularizer")) for layer in group}
        for name, group in groups.items()
    }
    penalties = {penalty for kinds in found.values() for penalty in kinds if penalty is not None}
    if not penalties:
        return None
    if len(penalties) > 1 or any(len(kinds) > 1 for kinds in found.values()):
        raise NotTaken(
            "the kernels have different ones; accepted: one penalty for all convolutions, all"
            " hidden layers or the output, or for several of these"
        )
    ((name, strength),) = penalties
    names = tuple(group for group, kinds in found.items() if kinds - {None})
    kind: type[BaseModel] = L1 if name == "l1" else L2
    return validated(kind, {"strength": strength, "layers": names}, f"{name} of a kernel")


def _penalty(described: Any) -> tuple[str, float] | None:
    """Return `l1` or `l2` and the strength; None without a penalty, or if all strengths are 0.

    Keras 2 writes both as `L1L2`, in which one number or both are 0.
    """
    if described is None:
        return None
    class_name, config = keras_object(described)
    kind = class_name.lower()
    if isinstance(described, str) and kind in ("l1", "l2"):
        config = {kind: _STRENGTH_OF_A_NAME}
    numbers = {name: value for name, value in config.items() if value != 0}
    are_known = kind in ("l1", "l2", "l1l2") and config.keys() <= {"l1", "l2"} and config
    if not are_known or len(numbers) > 1:
        raise NotTaken(f"it is {in_words(described)}; accepted: L1 or L2")
    for name, value in numbers.items():
        if not isinstance(value, int | float):
            raise NotTaken(f"it is {in_words(described)}; accepted: a number as {name}")
        return name, shortest_in_float32(value)
    return None
