"""The error of this package."""


class LadderError(ValueError):
    """What was given cannot be compared, or the result cannot be written. The message says why."""
