"""Known differences in the axis that Keras adds a bias along.

On TensorFlow, `keras.ops.add(x, bias)` takes a bias with one axis longer than 1 for one value a
channel. It adds it along the last axis of `x` if this is as long, otherwise along the second, where
NumPy, PyTorch and `+` go by the place of the axis. So an `EinsumDense` whose bias is (n, 1), as in
an attention with `key_dim=1`, adds it along n steps, if there are n.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import tensorflow as tf
from keras.src import backend

from parity_ladder.known_differences.calling_again import called_again, gradients_again
from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import GradientsPlace, LayerPlace

_SOURCE = "keras/src/backend/tensorflow/numpy.py (add); torch/_torch_docs.py (add)"


@known("bias added along another axis", rung="layer outputs", area="layers", source=_SOURCE)
def along_another_axis(place: LayerPlace) -> Any:
    """The port adds a bias by the place of its axis, and Keras adds it along the steps here.

    So does TensorFlow's `keras.ops.add` with a bias (n, 1) and n steps. It is hardly what the model
    is to do: give it another number of heads or steps, or add `bias[:, None, None]` in the port.
    """
    with _as_numpy_adds() as was_needed:
        output = called_again(place)
        return output if was_needed() else None


@known("gradient of a bias along another axis", rung="gradients", area="layers", source=_SOURCE)
def gradient_along_another_axis(place: GradientsPlace) -> Any:
    """The port adds a bias by the place of its axis, and Keras adds it along the steps here.

    A bias of zeros makes the same outputs, and another gradient. So does TensorFlow's
    `keras.ops.add` with a bias (n, 1) and n steps. It is hardly what the model is to do: give it
    another number of heads or steps, or add `bias[:, None, None]` in the port.
    """
    with _as_numpy_adds() as was_needed:
        gradients = gradients_again(place)
        return gradients if was_needed() else None


@contextmanager
def _as_numpy_adds() -> Iterator[Callable[[], bool]]:
    """Add by the place of axes meanwhile; yield a function that tells whether Keras does not."""
    original, places = backend.numpy.add, []

    def add(x1: Any, x2: Any) -> Any:
        if not _is_added_elsewhere(x1, x2):
            return original(x1, x2)
        places.append(x2)
        return tf.add(x1, x2)

    with patch.object(backend.numpy, "add", add):
        yield lambda: bool(places)


def _is_added_elsewhere(x: Any, bias: Any) -> bool:
    """Return whether Keras adds a bias along another axis than that of its place."""
    ours, theirs = (tuple(getattr(each, "shape", ())) for each in (x, bias))
    longer = [axis for axis, size in enumerate(theirs) if size != 1]
    if len(longer) != 1 or len(ours) < 2 or len(theirs) > len(ours):
        return False
    size, place = theirs[longer[0]], longer[0] + len(ours) - len(theirs)
    if size not in {ours[1], ours[-1]}:
        return False
    return bool(place != (len(ours) - 1 if ours[-1] == size else 1))
