"""The optimizer and the schedule of a saved Keras model, if an experiment can express them.

Sources: `get_config` in keras/src/optimizers and in its schedules; for Keras 2 keras/optimizers.py
and tensorflow/python/keras/optimizer_v2.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from cnn_experiment.errors import shortened
from cnn_experiment.formats.keras_object import NotTaken, keras_object, validated
from cnn_experiment.formats.shortest import shortest_in_float32
from cnn_experiment.settings.optimizers import OPTIMIZERS, Nadam, RMSprop
from cnn_experiment.settings.schedules import ConstantRate, ExponentialDecay, InverseTimeDecay

_RATES = ("learning_rate", "lr")
"""The learning rate, which is the schedule's here; `lr` before Keras 2.3."""
_DECAYS = ("decay", "schedule_decay")
"""Only Keras 2 writes these. `decay` makes the rate smaller at each update; in Nadam either of the
two changes its momentum."""
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
}
"""Settings of an optimizer that an experiment lacks, and their values without any effect, to which
null always belongs."""
_SCHEDULES: Mapping[str, type[BaseModel]] = {
    "InverseTimeDecay": InverseTimeDecay,
    "ExponentialDecay": ExponentialDecay,
}
_OF_EVERY_SCHEDULE = ("initial_learning_rate", "decay_steps", "decay_rate")


def optimizer_of(described: Any, dtype: str) -> BaseModel:
    """Return Keras' RMSprop, Nadam or Adamax with the settings in the file.

    `dtype` is the model's. Raises `NotTaken` if a setting has an effect that is not ours.
    """
    class_name, config = keras_object(described)
    kind = OPTIMIZERS.get(class_name.lower())
    if kind is None:
        raise NotTaken(f"it is {shortened(class_name)}; accepted: RMSprop, Nadam, Adamax")
    settings = {}
    for name, value in config.items():
        if name in kind.model_fields and name not in ("kind", "epsilon_outside"):
            settings[name] = _shortest(value, dtype)
        elif name in _NEUTRAL:
            if value not in (None, *_NEUTRAL[name]):
                raise NotTaken(f"{class_name} with {name} = {shortened(value)}")
        elif name in _DECAYS:
            if kind is Nadam:
                raise NotTaken(f"Nadam with {name} = {shortened(value)}, that of Keras 2")
        elif name not in _WITHOUT_EFFECT and name not in _RATES:
            raise NotTaken(f"{class_name} with {shortened(name)}, which is not known")
    if kind is RMSprop and "decay" in config and not settings.get("momentum"):
        settings["epsilon_outside"] = True  # as Keras 2 computes it
    return validated(kind, settings, class_name)


def schedule_of(described: Any, dtype: str) -> BaseModel:
    """Return the schedule of the learning rate of an optimizer that `optimizer_of` accepts.

    Raises `NotTaken` if an experiment cannot have it.
    """
    config, rate = keras_object(described).config, rate_of(described)
    if config.get("decay") not in (None, 0):
        raise NotTaken(f"the rate {shortened(rate)} with decay = {shortened(config['decay'])}")
    if not isinstance(rate, dict):
        settings = {"initial_learning_rate": _shortest(rate, dtype)}
        return validated(ConstantRate, settings, "constant")
    class_name, settings = keras_object(rate)
    kind = _SCHEDULES.get(class_name)
    if kind is None:
        raise NotTaken(f"it is {shortened(class_name)}; accepted: {', '.join(_SCHEDULES)}")
    for name in _OF_EVERY_SCHEDULE:
        if name not in settings:
            raise NotTaken(f"{class_name} has no {name}; accepted: a number")
    own = {name: value for name, value in settings.items() if name != "name"}
    return validated(kind, own, class_name)


def is_of_keras_2(described: Any) -> bool:
    """Return whether the JSON of an optimizer has a setting that only Keras 2 writes."""
    config = described.get("config") if isinstance(described, dict) else None
    return isinstance(config, dict) and any(name in config for name in _DECAYS)


def rate_of(described: Any) -> Any:
    """Return the number or the schedule in the JSON of any optimizer; None if it has none."""
    config = described.get("config") if isinstance(described, dict) else None
    rates = [config[name] for name in _RATES if name in config] if isinstance(config, dict) else []
    return rates[0] if rates else None


def _shortest(value: Any, dtype: str) -> Any:
    """Return the shortest number that is the same in a float32 model, if this is one.

    In a float64 model the number counts as it is.
    """
    return shortest_in_float32(value) if dtype == "float32" else value
