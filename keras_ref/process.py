"""Settings of the whole process."""

import tensorflow

from cnn_experiment import UserError


def prepare_process() -> None:
    """Do nothing: `fit` runs with its usual settings, and TensorFlow treats denormals as 0 anyway.

    It exists so that a script can call `prepare_process` of either backend.
    """


def set_threads(count: int) -> None:
    """Let TensorFlow compute with `count` threads, within an operation and for several at once.

    Raises `UserError` if TensorFlow already computes with another number; it starts its threads at
    its first operation, or with `pick_device`.
    """
    threading = tensorflow.config.threading
    try:
        threading.set_intra_op_parallelism_threads(count)
        threading.set_inter_op_parallelism_threads(count)
    except RuntimeError as error:
        raise UserError(
            f"threads = {count}: TensorFlow has already begun to compute; accepted: in a process"
            " that has computed nothing"
        ) from error
