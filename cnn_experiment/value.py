"""The base class of all settings of an experiment: frozen, strictly typed, saved as JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from cnn_experiment.errors import UserError, one_sentence

Size = Annotated[int, Field(ge=1, le=100_000)]
HeightWidth = tuple[Size, Size]


def _fits_float32(value: float) -> float:
    """Refuse numbers that overflow or underflow in float32, in which Keras uses them."""
    if not 1e-37 < abs(value) < 1e38 and value != 0:
        raise ValueError("input should be 0 or between 1e-37 and 1e38, the range of float32")
    return value


def _below_one_in_float32(value: float) -> float:
    """Refuse numbers that float32 rounds to 1: Keras rounds them and divides by `1 - value`."""
    if np.float32(value) >= 1:
        raise ValueError("input should be less than 1 in float32 too: at most 0.99999994")
    return value


NotNegative = Annotated[float, Field(ge=0), AfterValidator(_fits_float32)]
Positive = Annotated[float, Field(gt=0), AfterValidator(_fits_float32)]
Fraction = Annotated[float, Field(ge=0, lt=1), AfterValidator(_below_one_in_float32)]


class Value(BaseModel):
    """A frozen value. It refuses unknown fields, NaN, infinities and implicit conversions.

    The constructor and the methods below raise `UserError`, a `ValueError` whose one sentence names
    each wrong field, its value and what is accepted.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True
    )

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise UserError(one_sentence(error, type(self), "none")) from None

    # Tells pydantic that this constructor sets the fields as its own does. Otherwise pydantic would
    # call it for nested values too, and a message would not say in which field the mistake is.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    def to_json(self) -> str:
        """Return indented JSON; `from_json` makes an equal value of it."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, what: str | None = None) -> Self:
        """Read what `to_json` wrote; raise `UserError` for anything else.

        `what` names the expected text in the message for a text that is not JSON.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            expected = what or f"what {cls.__name__}.to_json wrote"
            raise UserError(one_sentence(error, cls, expected)) from None

    @classmethod
    def from_file(cls, path: Path | str, *, longest: int, what: str) -> Self:
        """Read a file with the text of `to_json`; `what` names such a file in a message.

        Raises `UserError`, which names the path, for anything else and for more than `longest`
        bytes.
        """
        path = Path(path)
        if not path.is_file():
            raise UserError(f"{path}: it is not a file; accepted: {what}")
        size = path.stat().st_size
        if size > longest:
            raise UserError(f"{path}: it has {size} bytes; accepted: at most {longest}")
        try:
            return cls.from_json(path.read_bytes(), what)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None

    def with_changes(self, **changes: Any) -> Self:
        """Return a copy with these fields replaced; the copy is validated as a whole."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self)(**fields | changes)


def accepted(choices: Sequence[str]) -> str:
    """Return the last part of an error message: `accepted: ` and these values."""
    return "accepted: " + ", ".join(choices)
