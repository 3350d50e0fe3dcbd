"""What a saved Keras model says of its training, as far as an experiment can express it.

A model that was compiled keeps its optimizer, schedule and loss, and its layers keep their
regularizers. Nothing is taken that would be another computation: it is named instead.
Sources: `get_config` in keras/src/optimizers, keras/src/regularizers and their schedules.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ValidationError

from cnn_experiment.errors import one_sentence, shortened
from cnn_experiment.formats.keras_layer import KerasLayer, is_keras_own
from cnn_experiment.settings.optimizers import OPTIMIZERS, Nadam, RMSprop
from cnn_experiment.settings.regularizers import L1, L2
from cnn_experiment.settings.schedules import ConstantRate, ExponentialDecay, InverseTimeDecay

_WITHOUT_EFFECT = {
    "name", "ema_momentum", "ema_overwrite_frequency", "jit_compile", "is_legacy_optimizer",
}  # fmt: skip
_NEUTRAL: Mapping[str, tuple[float, ...]] = {
    "weight_decay": (0,),
    "clipnorm": (),
    "global_clipnorm": (),
    "clipvalue": (),
    "use_ema": (False,),
    "loss_scale_factor": (),
    "gradient_accumulation_steps": (1,),
    "centered": (False,),
    "decay": (0,),
}
"""Settings of an optimizer that an experiment lacks, and their values without any effect, to which
null always belongs."""
_SCHEDULES: Mapping[str, type[BaseModel]] = {
    "InverseTimeDecay": InverseTimeDecay,
    "ExponentialDecay": ExponentialDecay,
}
_LOSSES = {
    "categorical_crossentropy", "CategoricalCrossentropy",
    "sparse_categorical_crossentropy", "SparseCategoricalCrossentropy",
}  # fmt: skip
_OF_A_LOSS: Mapping[str, tuple[Any, ...]] = {
    "from_logits": (False,),
    "label_smoothing": (0,),
    "axis": (-1,),
    "ignore_class": (None,),
    "reduction": ("sum_over_batch_size", "auto"),
}
"""Settings of these losses, and the values that an experiment's loss has."""


class Training(NamedTuple):
    """The settings that a file gives, and those that it has and that are not taken."""

    taken: Mapping[str, BaseModel]
    """Fields of `Experiment`: `optimizer`, `schedule`, `regularizer`."""
    left: tuple[str, ...]
    """Each says what the file has, and why it is not taken."""


class _NotTaken(Exception):  # noqa: N818 - no error: it is told
    """The message says what the file has, and why an experiment cannot have it."""


def training_of(layers: Sequence[KerasLayer], compiled: Any) -> Training:
    """Return what layers say, and what `compile` was given; None: the model was not compiled."""
    taken: dict[str, BaseModel] = {}
    left = [note for layer in layers for note in _notes_of(layer)]

    def take(name: str, read: Callable[[], BaseModel | None]) -> None:
        try:
            value = read()
        except _NotTaken as reason:
            left.append(f"{name}: {reason}")
        else:
            taken.update({} if value is None else {name: value})

    take("regularizer", lambda: _regularizer(layers))
    if not compiled:
        return Training(taken, tuple(left))
    if not isinstance(compiled, dict):
        return Training(taken, (*left, f"what compile was given: {shortened(compiled)}"))

    described = compiled.get("optimizer", compiled.get("optimizer_config"))
    if described is not None:
        take("optimizer", lambda: _optimizer(described))
        take("schedule", lambda: _schedule(described, is_of_taken="optimizer" in taken))
    left += _notes_of_loss(compiled)
    if "decay" in _config_of(described) and layers[-1].config.get("activation") == "sigmoid":
        left.append("loss: Keras 2 computes that of a sigmoid output from its probabilities")
    return Training(taken, tuple(left))


def _config_of(described: Any) -> dict[str, Any]:
    config = described.get("config") if isinstance(described, dict) else None
    return config if isinstance(config, dict) else {}


def _class_of(described: Any) -> str:
    """Return the name of a class of Keras' own, or of a function.

    Raises `_NotTaken` for a class of somebody else, which may have the same name.
    """
    if not isinstance(described, dict):
        return str(described)
    name = described.get("class_name")
    if name == "function":
        return str(described.get("config"))
    module, registered = described.get("module"), described.get("registered_name")
    if not is_keras_own(module) or registered not in (None, name):
        raise _NotTaken(f"it is {shortened(registered or name)} of {shortened(module)}")
    return str(name)


def _optimizer(described: Any) -> BaseModel:
    """Return Keras' RMSprop, Nadam or Adamax, if no setting has an effect that they lack here."""
    class_name, config = _class_of(described), _config_of(described)
    kind = OPTIMIZERS.get(class_name.lower())
    if kind is None:
        raise _NotTaken(f"it is {shortened(class_name)}; accepted: RMSprop, Nadam, Adamax")
    if kind is Nadam and config.keys() & {"decay", "schedule_decay"}:
        raise _NotTaken("Nadam of Keras 2, whose momentum grows by another schedule")
    settings = {}
    for name, value in config.items():
        if name in kind.model_fields and name not in ("kind", "epsilon_outside"):
            settings[name] = _shortest(value)
        elif name in _NEUTRAL:
            if value not in (None, *_NEUTRAL[name]):
                raise _NotTaken(f"{class_name} with {name} = {shortened(value)}")
        elif name not in _WITHOUT_EFFECT and name != "learning_rate":
            raise _NotTaken(f"{class_name} with {shortened(name)}, which is not known")
    if kind is RMSprop and "decay" in config and not settings.get("momentum"):
        settings["epsilon_outside"] = True  # only Keras 2 writes `decay`
    return _validated(kind, settings, class_name)


def _schedule(optimizer: Any, *, is_of_taken: bool) -> BaseModel:
    """Return the learning rate, constant or decaying, of an optimizer that is taken, too."""
    described = _config_of(optimizer).get("learning_rate")
    if not is_of_taken:
        raise _NotTaken(f"{shortened(described)}, since the optimizer is not taken")
    if not isinstance(described, dict):
        return _validated(ConstantRate, {"initial_learning_rate": _shortest(described)}, "the rate")
    class_name = _class_of(described)
    kind = _SCHEDULES.get(class_name)
    if kind is None:
        raise _NotTaken(f"it is {shortened(class_name)}; accepted: {', '.join(_SCHEDULES)}")
    settings = {name: value for name, value in _config_of(described).items() if name != "name"}
    missing = {"initial_learning_rate", "decay_steps", "decay_rate"} - settings.keys()
    if missing:
        raise _NotTaken(f"{class_name} without {', '.join(sorted(missing))}")
    return _validated(kind, settings, class_name)


def _regularizer(layers: Sequence[KerasLayer]) -> BaseModel | None:
    """Return the penalty that all kernels of some groups have, and no other kernel has."""
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
        raise _NotTaken(
            "the kernels have different ones; accepted: one penalty for all convolutions, all"
            " hidden layers or the output, or for several of these"
        )
    ((name, strength),) = penalties
    names = tuple(group for group, kinds in found.items() if kinds - {None})
    kind: type[BaseModel] = L1 if name == "l1" else L2
    return _validated(kind, {"strength": strength, "layers": names}, f"{name} of a kernel")


def _penalty(described: Any) -> tuple[str, float] | None:
    """Return `l1` or `l2` and the strength; Keras 2 writes both numbers, one of which is 0."""
    if described is None:
        return None
    config = _config_of(described)
    if isinstance(described, str):
        config = {described.lower(): 0.01}  # Keras' default for a name alone
    numbers = {
        name: _shortest(config[name])
        for name in ("l1", "l2")
        if isinstance(config.get(name), int | float) and config[name]
    }
    can_have = {"l1": {"l1"}, "l2": {"l2"}, "l1l2": {"l1", "l2"}}
    known = can_have.get(_class_of(described).lower(), set())
    if len(numbers) != 1 or config.keys() - known:
        raise _NotTaken(f"it is {shortened(described)}; accepted: L1 or L2")
    ((name, strength),) = numbers.items()
    return name, strength


def _notes_of(layer: KerasLayer) -> list[str]:
    """Return what a layer has besides that would change its training."""
    notes = [
        f"{layer.title}: {setting} = {shortened(value)}"
        for setting, value in layer.config.items()
        if value is not None
        and setting.endswith(("_regularizer", "_constraint"))
        and setting != "kernel_regularizer"
    ]
    if layer.config.get("trainable", True) is not True and layer.class_name in ("Conv2D", "Dense"):
        notes.append(f"{layer.title}: trainable = {shortened(layer.config['trainable'])}")
    return notes


def _notes_of_loss(compiled: Mapping[str, Any]) -> list[str]:
    """Return what differs from the cross-entropy of an experiment; no loss is no difference."""
    notes = []
    if compiled.get("loss_weights") is not None:
        notes.append(f"loss_weights = {shortened(compiled['loss_weights'])}")
    described = compiled.get("loss")
    try:
        name = _class_of(described)
    except _NotTaken as reason:
        return [*notes, f"loss: {reason}"]
    changed = [
        f"{setting} = {value}"
        for setting, value in _config_of(described).items()
        if setting not in ("name", "dtype", "fn") and value not in _OF_A_LOSS.get(setting, ())
    ]
    if described is not None and (name not in _LOSSES or changed):
        text = ", ".join([name, *changed])
        notes.append(f"loss: it is {shortened(text)}; accepted: categorical_crossentropy")
    return notes


def _validated(kind: type[BaseModel], settings: Mapping[str, Any], what: str) -> BaseModel:
    try:
        return kind.model_validate_json(json.dumps(settings))
    except (ValidationError, ValueError) as error:
        reason = (
            one_sentence(error, kind, "settings")
            if isinstance(error, ValidationError)
            else str(error)
        )
        raise _NotTaken(f"{shortened(what)}: {reason}") from error


def _shortest(value: Any) -> Any:
    """Return the shortest number that is the same in float32: Keras 3 writes 0.001 as float32."""
    with np.errstate(over="ignore"):
        if isinstance(value, float) and float(np.float32(value)) == value:
            return float(str(np.float32(value)))
    return value
