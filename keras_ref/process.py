"""What the training step needs from the process as a whole: nothing here."""


def prepare_process() -> None:
    """Do nothing: `fit` runs as an author runs it, and TensorFlow counts denormals as 0 itself.

    It is here so that a script prepares its process in the same way for either backend.
    """
