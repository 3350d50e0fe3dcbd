"""The error of this package."""


class LadderError(ValueError):
    """What was given cannot be compared, or the result cannot be written. The message says why."""


class Float32OnlyError(LadderError):
    """A port or a model that cannot compute in float64."""
