"""The two backends by their names on the command line."""

import importlib
from types import ModuleType

BACKENDS = {"torch": "torch_cnn", "keras": "keras_ref"}


def load_backend(name: str) -> ModuleType:
    """Import the backend; raise `UserError` where its framework is not installed."""
    from cnn_experiment import UserError

    try:
        return importlib.import_module(BACKENDS[name])
    except ModuleNotFoundError as error:
        raise UserError(
            f"backend = {name!r}: {error.name} is not installed here; pip install '.[{name}]'"
        ) from error
