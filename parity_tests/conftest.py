"""Real MNIST in small portions, and where PyTorch runs, for every test here."""

import pytest

from cnn_experiment import Digits, Experiment, load_mnist, preset
from parity_tests import profiles  # noqa: F401 - Hypothesis' profiles
from parity_tests.what_runs import (  # noqa: F401 - hooks, and a fixture
    device,
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
)


def small(
    name: str, *, train_images: int = 64, test_images: int = 256, epochs: int = 1
) -> Experiment:
    """A preset in float64, on few images."""
    experiment = preset(name)
    data = experiment.data.with_changes(train_images=train_images, test_images=test_images)
    return experiment.with_changes(dtype="float64", epochs=epochs, data=data)


@pytest.fixture(scope="session")
def digits() -> Digits:
    """256 training and 256 test images of the pooled protocol in float64."""
    return load_mnist(small("article-2", train_images=256))
