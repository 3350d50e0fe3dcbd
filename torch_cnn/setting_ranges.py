"""The accepted ranges of the optimizers' settings."""

from cnn_experiment.errors import UserError

FRACTION = "0 to below 1"
UP_TO_ONE = "0 to 1"
NOT_NEGATIVE = "0 or more"


def must_be_in_range(**settings: tuple[float, str]) -> None:
    """Raise `UserError` for the first setting, a value and its range, that is outside its range.

    Ranges are the constants of this module. A value that is not a number is refused too.
    """
    is_in_range = {
        FRACTION: lambda value: 0 <= value < 1,
        NOT_NEGATIVE: lambda value: value >= 0,
        UP_TO_ONE: lambda value: 0 <= value <= 1,
    }
    for name, (value, accepted) in settings.items():
        try:
            is_accepted = is_in_range[accepted](value)
        except TypeError:  # not a number
            is_accepted = False
        if not is_accepted:
            raise UserError(f"{name} = {value!r}: accepted: {accepted}")
