"""`UserError`, which means that an input cannot be used, and the wording of its messages."""

from collections.abc import Sequence

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cnn_experiment.kinds import FieldsWithKinds, fields_with_kinds, settings_of


class UserError(ValueError):
    """Bad input or a missing resource, described in one sentence that says what is accepted.

    The scripts print it and exit with status 1. Any other exception is a bug in this project.
    """


def sentence_of(error: OSError) -> str:
    """Return the file and what is wrong with it, without the system's error number."""
    if error.filename is None or error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}"


def one_sentence(error: ValidationError, model: type[BaseModel], what: str) -> str:
    """List each field that `model` rejected, its value and what is accepted, in one line.

    `what` names the expected text; it is used in the message for a text that is not JSON.
    """
    return "; ".join(_clause(detail, model, what) for detail in error.errors(include_url=False))


def _clause(detail: ErrorDetails, model: type[BaseModel], what: str) -> str:
    with_kinds = fields_with_kinds(model)
    path = _path(detail["loc"], with_kinds)
    kinds = with_kinds.get(path.rpartition(".")[2], {})
    match detail["type"]:
        case "json_invalid":
            return f"it is not JSON ({detail['ctx']['error']}); accepted: {what}"
        case "union_tag_invalid":
            return f"{path}.kind = {detail['ctx']['tag']!r}: accepted: {', '.join(kinds)}"
        case "union_tag_not_found":
            return f"{path} has no kind; accepted as its kind: {', '.join(kinds)}"
        case "extra_forbidden" if owner := _owner(detail["loc"], model, with_kinds):
            kind, value = owner.model_fields["kind"].default, shortened(detail["input"])
            return f"{path} = {value}: {kind} has no such setting; accepted: {settings_of(owner)}"
    return f"{_subject(detail, path, model)}: {_reason(detail['msg'])}"


def _owner(
    location: Sequence[int | str], model: type[BaseModel], with_kinds: FieldsWithKinds
) -> type[BaseModel] | None:
    """Return the class that does not have the setting at `location`, if the class has a `kind`."""
    match location:
        case (*_, str(field), str(kind), _):
            return with_kinds.get(field, {}).get(kind)
        case (_,) if "kind" in model.model_fields:
            return model
    return None


def _path(location: Sequence[int | str], with_kinds: FieldsWithKinds) -> str:
    """Return the path of a field, such as `network.pools[0]`; the kind of a value is left out."""
    parts = [
        f"[{part}]" if isinstance(part, int) else f".{part}"
        for before, part in zip((None, *location), location, strict=False)
        if before not in with_kinds
    ]
    return "".join(parts).removeprefix(".")


def _subject(detail: ErrorDetails, path: str, model: type[BaseModel]) -> str:
    """Return the field and its value, `network.pools = ((2, 2),)`, or the name of the model."""
    if detail["type"] == "missing" or isinstance(detail["input"], dict | BaseModel):
        return path or model.__name__
    return f"{path} = {shortened(detail['input'])}" if path else shortened(detail["input"])


def shortened(value: object, limit: int = 60, *, quoted: bool = True) -> str:
    """Return the value as text for a message: one line of at most `limit` characters."""
    text = repr(value)
    text = text[1:-1] if isinstance(value, str) and not quoted else text
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _reason(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
