"""What a Keras model cannot compute with, in one sentence."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

from parity_ladder.errors import Float32OnlyError, LadderError

_NOT_SAID = re.compile(
    r"\x1b\[\d*m"  # colours of a terminal
    r"|Exception encountered when calling .*"
    r"|\{\{.*?\}\} ?"  # where in a graph it was
)


@contextmanager
def errors_in_a_sentence(model: keras.Model) -> Iterator[None]:
    """Raise `LadderError` for an error of Keras or TensorFlow, with the first line of its text."""
    try:
        yield
    except LadderError:
        raise
    except (ValueError, TypeError, tf.errors.OpError) as error:
        lines = [line.strip() for line in _NOT_SAID.sub("", str(error)).splitlines()]
        said = next(filter(None, lines), type(error).__name__)
        if "DT_DOUBLE" in said and "device" in said:
            operation = said.partition("= ")[2].partition("[")[0]
            raise Float32OnlyError(
                f"the model cannot compute in float64 (TensorFlow has no {operation} for it here)"
            ) from error
        raise LadderError(
            f"the model {model.name} cannot compute with a batch: {said}; accepted: batches that"
            " model.fit takes"
        ) from error
