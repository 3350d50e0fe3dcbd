"""Settings that come in several kinds, such as optimizers; their field `kind` says which one."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

FieldsWithKinds = dict[str, dict[str, type[BaseModel]]]
"""The kinds of each such field, with their classes: `{"regularizer": {"l1": L1, ...}}`."""


def by_kind(annotation: object) -> dict[str, Any]:
    """Return the classes in a union, or in another annotation, that have a `kind`, by that kind."""
    return {
        each.model_fields["kind"].default: each
        for each in _models_in(annotation)
        if "kind" in each.model_fields
    }


def fields_with_kinds(model: type[BaseModel]) -> FieldsWithKinds:
    """Return the fields of `model`, and of the models in it, whose values come in several kinds."""
    fields: FieldsWithKinds = {}
    for name, field in model.model_fields.items():
        if kinds := by_kind(field.annotation):
            fields[name] = kinds
        for inner in _models_in(field.annotation):
            fields |= fields_with_kinds(inner)
    return fields


def settings_of(model: type[BaseModel]) -> str:
    """Return the names of the settings of this class, as a list for a message."""
    return ", ".join(name for name in model.model_fields if name != "kind")


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """Yield the models at any depth of an annotation, such as `L1 | L2 | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
