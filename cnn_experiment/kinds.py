"""Values of several kinds, as the optimizers are, which their field `kind` tells apart."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

FieldsWithKinds = dict[str, dict[str, type[BaseModel]]]
"""Fields that hold values of several kinds, each with these: `{"regularizer": {"l1": L1, ...}}`."""


def by_kind(annotation: object) -> dict[str, Any]:
    """The classes in a union, or in any other annotation, that have a `kind`, under this name."""
    return {
        each.model_fields["kind"].default: each
        for each in _models_in(annotation)
        if "kind" in each.model_fields
    }


def fields_with_kinds(model: type[BaseModel]) -> FieldsWithKinds:
    """Find the fields of `model`, and of the models in it, that hold values of several kinds."""
    found: FieldsWithKinds = {}
    for name, field in model.model_fields.items():
        if kinds := by_kind(field.annotation):
            found[name] = kinds
        for inner in _models_in(field.annotation):
            found |= fields_with_kinds(inner)
    return found


def settings_of(model: type[BaseModel]) -> str:
    """What a value of this class can be told, as a list in a message."""
    return ", ".join(name for name in model.model_fields if name != "kind")


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """The models at any depth of an annotation, as of `L1 | L2 | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
