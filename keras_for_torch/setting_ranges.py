"""The accepted ranges of settings, and the error for a setting outside its range."""

import math
from collections.abc import Callable
from typing import Any


class SettingError(ValueError):
    """A setting that cannot be used, in one sentence that names its value and the accepted ones."""


ABOVE_ZERO = "above 0"
ABOVE_ZERO_OR_NONE = "above 0, or None"
FINITE = "a finite number"
FRACTION = "0 to below 1"
NOT_NEGATIVE = "0 or more"
UP_TO_ONE = "0 to 1"

_IS_IN_RANGE: dict[str, Callable[[Any], bool]] = {
    ABOVE_ZERO: lambda value: value > 0,
    ABOVE_ZERO_OR_NONE: lambda value: value is None or value > 0,
    FINITE: math.isfinite,
    FRACTION: lambda value: 0 <= value < 1,
    NOT_NEGATIVE: lambda value: value >= 0,
    UP_TO_ONE: lambda value: 0 <= value <= 1,
}


def must_be_in_range(**settings: tuple[object, str]) -> None:
    """Raise `SettingError` for the first setting, a value and its range, outside its range.

    Ranges are the constants of this module. A value that is not a number is refused too.
    """
    for name, (value, accepted) in settings.items():
        try:
            is_accepted = _IS_IN_RANGE[accepted](value)
        except TypeError:  # not a number
            is_accepted = False
        if not is_accepted:
            raise SettingError(f"{name} = {value!r}: accepted: {accepted}")
