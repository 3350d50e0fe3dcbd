"""Tests that take minutes run only if they are asked for, by `pytest -m slow`.

A conftest.py that imports the function below, under this name, is all that pytest needs.
"""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip the slow tests, visibly, unless the command line names their marker."""
    if "slow" in config.getoption("markexpr"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="takes minutes; -m slow runs it"))
