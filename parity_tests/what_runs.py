"""Which tests run, and where PyTorch does: slow ones and a GPU only if they are asked for.

A conftest.py that imports the functions below, under these names, is all that pytest needs.
"""

import os

import pytest

MARKERS = (
    "cuda: needs a CUDA device; skipped visibly without --device cuda",
    "slow: takes minutes and rarely tells anything new",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that the fixture `device` reads, once for several conftest.py."""
    try:
        parser.addoption(
            "--device",
            choices=("cpu", "cuda"),
            default="cpu",
            help="where PyTorch runs in the tests that can run on a GPU; default cpu",
        )
    except ValueError as error:
        if "already added" not in str(error):
            raise


def pytest_configure(config: pytest.Config) -> None:
    """Hide all GPUs from tests on the processor, and make the markers known.

    Hidden, they are not used by a training that picks its device itself, nor by a script that a
    test starts. The markers are known without this project's settings, too: `pytest --pyargs`.
    Raises `UsageError` if a GPU is asked for and there is none: nothing would be tested.
    """
    if config.getoption("--device") == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    elif not has_cuda():
        raise pytest.UsageError("--device cuda: PyTorch finds no CUDA device here")
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


def has_cuda() -> bool:
    """Return whether PyTorch finds a CUDA device."""
    import torch

    return torch.cuda.is_available()


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> str:
    """Where PyTorch runs, as `--device` says."""
    name: str = request.config.getoption("--device")
    if name == "cuda":
        keep_keras_on_the_processor()
    return name


def keep_keras_on_the_processor() -> None:
    """Hide all GPUs from TensorFlow, whose kernels there would round float32 to TF32."""
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")


@pytest.hookimpl(tryfirst=True)  # before `-m cuda` chooses among the marked
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark as `cuda` what runs there, and skip, visibly, what was not asked for.

    Slow tests run only if the command line names their marker, by `pytest -m slow`.
    """
    on_cuda = config.getoption("--device") == "cuda"
    for item in items:
        if item.get_closest_marker("slow") and "slow" not in config.getoption("markexpr"):
            item.add_marker(pytest.mark.skip(reason="takes minutes; -m slow runs it"))
        if on_cuda and "device" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.cuda)
        elif not on_cuda and item.get_closest_marker("cuda"):
            item.add_marker(pytest.mark.skip(reason="needs a GPU; --device cuda runs it"))
