"""The one error that means "what you gave cannot be used", and how it reads."""

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails


class UserError(ValueError):
    """Bad input or a missing resource, told in one sentence that a person can act on.

    Command lines print it and exit with 1; everything else that is raised is a fault of ours.
    """


_WITH_KINDS = {
    "optimizer": "rmsprop, nadam, adamax",
    "schedule": "constant, inverse_time, exponential",
    "regularizer": "l1, l2",
}
"""Fields that hold one of several kinds of values."""
_DECAY = "initial_learning_rate, decay_steps, decay_rate, staircase"
SETTINGS = {
    "rmsprop": "rho, momentum, epsilon",
    "nadam": "beta_1, beta_2, epsilon",
    "adamax": "beta_1, beta_2, epsilon",
    "constant": "initial_learning_rate",
    "inverse_time": _DECAY,
    "exponential": _DECAY,
    "l1": "strength, layers",
    "l2": "strength, layers",
}
"""What each kind can be told."""


def one_sentence(error: ValidationError) -> str:
    """Each rejected field of `error` with its value and what is accepted, in one line."""
    return "; ".join(_clause(detail) for detail in error.errors(include_url=False))


def _clause(detail: ErrorDetails) -> str:
    path = _path(detail)
    kind = str(detail["loc"][-2]) if len(detail["loc"]) > 1 else ""
    if detail["type"] == "extra_forbidden" and kind in SETTINGS:
        value = shortened(detail["input"])
        return f"{path} = {value}: {kind} has no such setting; accepted: {SETTINGS[kind]}"
    if detail["type"] == "union_tag_invalid":
        return f"{path}.kind = {detail['ctx']['tag']!r}: accepted: {_WITH_KINDS[_field(path)]}"
    if detail["type"] == "union_tag_not_found":
        return f"{path} has no kind; accepted as its kind: {_WITH_KINDS[_field(path)]}"
    return f"{_subject(detail)}: {_reason(detail['msg'])}"


def _field(path: str) -> str:
    """`optimizer` of `experiment.optimizer`."""
    return path.rpartition(".")[2]


def _path(detail: ErrorDetails) -> str:
    """Where the field stands: `network.pools`. The kind of a value is left out of it."""
    location = detail["loc"]
    parts = [
        f"[{part}]" if isinstance(part, int) else f".{part}"
        for before, part in zip((None, *location), location, strict=False)
        if before not in _WITH_KINDS
    ]
    return "".join(parts).removeprefix(".")


def _subject(detail: ErrorDetails) -> str:
    """The field and its value: `network.pools = ((2, 2),)`."""
    path = _path(detail)
    if detail["type"] == "missing" or isinstance(detail["input"], dict | BaseModel):
        return path or "the experiment"
    return f"{path} = {shortened(detail['input'])}" if path else shortened(detail["input"])


def shortened(value: object, limit: int = 60, *, quoted: bool = True) -> str:
    """The value as it stands in a message: of whatever size it is, one short line."""
    text = repr(value)
    text = text[1:-1] if isinstance(value, str) and not quoted else text
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _reason(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message if message.startswith("JSON") else message[:1].lower() + message[1:]
