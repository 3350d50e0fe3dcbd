"""Random numbers in a step: a climb would draw the same in each, lucky or not, so it has none."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from parity_ladder.errors import LadderError


@contextmanager
def refusing_chance() -> Iterator[None]:
    """Raise `LadderError` if random numbers are drawn from a generator that all share.

    Dropout draws none, since it is given its masks. A generator of NumPy that belongs to the port
    alone cannot be seen.
    """
    before = _states()
    yield
    for whose, state in _states().items():
        if state != before[whose]:
            raise LadderError(
                f"the port's step draws random numbers from {whose}'s generator; accepted: a step"
                " without chance, but for dropout"
            )


def must_have_no_generator(name: str, generator: object) -> None:
    """Raise `LadderError` for a call of a function with a generator of its own."""
    if generator is not None:
        raise LadderError(
            f"the port calls {name} with a generator of its own; accepted: a step without chance,"
            " but for dropout"
        )


def _states() -> dict[str, Any]:
    state: Any = np.random.get_state()  # noqa: NPY002 - the one that ports use
    has_begun = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    on_cuda = torch.cuda.get_rng_state_all() if has_begun else []
    return {
        "PyTorch": bytes(torch.get_rng_state().numpy()),
        "CUDA": [bytes(each.numpy()) for each in on_cuda],
        "NumPy": [bytes(each) if isinstance(each, np.ndarray) else each for each in state],
        "Python": random.getstate(),
    }
