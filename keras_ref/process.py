"""The Keras backend's `prepare_process`, which has nothing to do."""


def prepare_process() -> None:
    """Do nothing: `fit` runs with its usual settings, and TensorFlow treats denormals as 0 anyway.

    It exists so that a script can call `prepare_process` of either backend.
    """
