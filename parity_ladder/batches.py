"""Which batches a climb takes, and what a batch of a Keras model and a PyTorch port is."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from numbers import Integral
from operator import length_hint
from typing import Any

import numpy as np

from parity_ladder.errors import LadderError

_KINDS = "biuf"
"""NumPy's letters for truth values, whole numbers of either sign and floating-point numbers."""


def first_batches(batches: object, steps: int | None) -> Sequence[Any]:
    """Return the batches as a sequence, at most `steps` of them.

    Raises `LadderError` for something that yields no batches or may never end, and for a number of
    steps that is too small.
    """
    if steps is not None and (not isinstance(steps, Integral) or steps < 1):
        raise LadderError(f"steps = {steps}: accepted: a whole number, 1 or more")
    if isinstance(batches, Sequence) and not isinstance(batches, str):
        return batches if steps is None else batches[:steps]
    what = type(batches).__name__
    if not isinstance(batches, Iterable) or isinstance(batches, np.ndarray | Mapping | str):
        raise LadderError(f"batches are of type {what}; accepted: a list, or what yields batches")
    if steps is None and length_hint(batches, -1) < 0:
        raise LadderError(
            f"batches are of type {what}, which may never end; accepted: with steps, the number of"
            " batches that are taken at most"
        )
    return list(islice(batches, steps))


def must_be_a_batch(batch: object) -> None:
    """Raise `LadderError` for a batch that is not made of arrays of numbers, a row for each sample.

    A batch is (x,), (x, y) or (x, y, sample_weight). Each part is None, an array, or a tuple, list
    or dict of arrays.
    """
    if not isinstance(batch, tuple | list):
        raise LadderError(
            f"a batch is of type {type(batch).__name__}; accepted: a tuple such as (x, y), whose"
            " parts are the arguments of the port's step"
        )
    if not 1 <= len(batch) <= 3:
        raise LadderError(
            f"a batch has {len(batch)} parts; accepted: (x,), (x, y) or (x, y, sample_weight)"
        )
    sizes: dict[int, str] = {}
    for name, value in _arrays(batch, "batch"):
        try:
            array = np.asarray(value)
        except Exception as error:
            raise LadderError(f"{name} cannot be read as a NumPy array: {error}") from error
        if array.dtype.kind not in _KINDS:
            raise LadderError(f"{name} has dtype {array.dtype}; accepted: numbers")
        if array.ndim == 0:
            raise LadderError(
                f"{name} is a single number; accepted: NumPy arrays or tensors, no lists of numbers"
            )
        if not len(array):
            raise LadderError(
                f"{name} has shape {array.shape}; accepted: an array with one sample or more on its"
                " first axis"
            )
        sizes.setdefault(len(array), name)
    if len(sizes) > 1:
        told = (f"{size} samples in {name}" for size, name in sizes.items())
        raise LadderError(f"a batch has {' and '.join(told)}; accepted: the same number")


def _arrays(value: object, name: str) -> Iterator[tuple[str, object]]:
    """Yield the arrays within a part of a batch, each with a name such as `batch[0]`."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _arrays(each, f"{name}[{key!r}]")
    elif isinstance(value, tuple | list):
        for place, each in enumerate(value):
            yield from _arrays(each, f"{name}[{place}]")
    elif value is not None:
        yield name, value
