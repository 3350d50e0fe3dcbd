"""Real MNIST in small portions, and where PyTorch runs, for every test here."""

import pytest
import torch

from cnn_experiment import Digits, Experiment, load_mnist, preset
from parity_tests import profiles  # noqa: F401 - Hypothesis' profiles
from parity_tests.slow_tests import pytest_collection_modifyitems  # noqa: F401 - a hook

MARKERS = (
    "cuda: needs a CUDA device; skipped visibly where there is none",
    "slow: takes minutes and rarely tells anything new",
)


def small(
    name: str, *, train_images: int = 64, test_images: int = 256, epochs: int = 1
) -> Experiment:
    """A preset in float64, on few images."""
    experiment = preset(name)
    data = experiment.data.with_changes(train_images=train_images, test_images=test_images)
    return experiment.with_changes(dtype="float64", epochs=epochs, data=data)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that the fixture `device` reads."""
    parser.addoption(
        "--device",
        choices=("cpu", "cuda"),
        default="cpu",
        help="where PyTorch runs in the parity tests; default cpu",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known without this project's settings, too: `pytest --pyargs`."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> str:
    """Where PyTorch runs; tests that need it skip, visibly, where it is not there."""
    name: str = request.config.getoption("--device")
    if name == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return name


@pytest.fixture(scope="session")
def digits() -> Digits:
    """256 training and 256 test images of the pooled protocol in float64."""
    return load_mnist(small("article-2", train_images=256))
