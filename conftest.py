"""What all tests share: slow ones wait to be asked for; MNIST's statistics are computed once."""

import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from cnn_experiment.data import mnist
from parity_tests import profiles  # noqa: F401 - Hypothesis' profiles
from parity_tests.what_runs import (  # noqa: F401 - hooks, and a fixture
    device,
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
)


@pytest.fixture(scope="session", autouse=True)
def one_standardisation() -> Iterator[None]:
    """Compute mean and deviation of the same images once in a process, not at each loading."""
    computed = mnist.standardisation
    known: dict[tuple[int, ...], mnist.Scaling] = {}

    def remembered(images: NDArray[np.uint8]) -> mnist.Scaling:
        key = (*images.shape, zlib.crc32(images.data))
        if key not in known:
            known[key] = computed(images)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mnist, "standardisation", remembered)
        yield
