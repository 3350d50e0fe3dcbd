"""An optimizer, schedule, regularizer or loss in the JSON of a saved Keras model.

Keras 3 writes its class, module, registered name and configuration, Keras 2 only its class and
configuration; both write some objects, and functions, by a name alone.
Source: keras/src/saving/serialization_lib.py.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from cnn_experiment.errors import one_sentence, shortened


class NotTaken(Exception):  # noqa: N818 - no error: it is told
    """The message says what the file has, and why an experiment cannot have it."""


class KerasObject(NamedTuple):
    """The class and the configuration; a name alone has an empty configuration."""

    class_name: str
    config: dict[str, Any]


def keras_object(described: Any) -> KerasObject:
    """Return what the JSON describes; raises `NotTaken` if it is not one of Keras' own objects."""
    match described:
        case str():
            return KerasObject(described, {})
        case {"class_name": "function", "config": str(name)}:
            return KerasObject(name, {})
        case {"class_name": str(name), "config": dict(config)}:
            module = described.get("module")
            if is_keras_own(name, module, described.get("registered_name")):
                return KerasObject(name, config)
            raise NotTaken(
                f"it is {shortened(name)} of {shortened(module)}; accepted: a class of Keras"
            )
    raise NotTaken(f"it is {shortened(described)}; accepted: a class of Keras")


def is_keras_own(class_name: str, module: Any, registered_name: Any) -> bool:
    """Whether a class is one of Keras' own, and no other one of the same name."""
    is_of_keras = module is None or (isinstance(module, str) and module.split(".")[0] == "keras")
    return is_of_keras and registered_name in (None, class_name)


def in_words(described: Any) -> str:
    """Return a description for a message: `L2(l2=0.001)`."""
    match described:
        case {"class_name": str(name), "config": dict(config)}:
            settings = ", ".join(f"{setting}={value!r}" for setting, value in config.items())
            return shortened(f"{name}({settings})", quoted=False)
    return shortened(described)


def validated(kind: type[BaseModel], settings: Mapping[str, Any], what: str) -> BaseModel:
    """Return the settings as a value of this kind; raises `NotTaken` if one cannot be in it."""
    try:
        return kind.model_validate(settings)
    except ValidationError as error:
        raise NotTaken(f"{what}: {one_sentence(error, kind, 'settings')}") from error
