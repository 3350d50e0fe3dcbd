"""The error for a climb that cannot be made."""


class LadderError(ValueError):
    """What was given cannot be compared; the message is one sentence that a person can act on."""
