"""What an entry of the catalogue is, and how one is entered."""

import inspect
from collections.abc import Callable
from typing import ClassVar

from parity_tests.torch_implementation import TorchPort


class KnownDifference(TorchPort):
    """The port with one decision taken wrongly; its docstring is what a person reads of it."""

    rung: ClassVar[str]
    """Where the ladder must find it."""
    source: ClassVar[str]

    @classmethod
    def sentence(cls) -> str:
        """What the difference is."""
        return inspect.getdoc(cls) or ""


CATALOGUE: dict[str, type[KnownDifference]] = {}
"""Every known difference by its name."""


def known(
    name: str, *, rung: str, source: str
) -> Callable[[type[KnownDifference]], type[KnownDifference]]:
    """Enter the class below under this name."""

    def enter(entry: type[KnownDifference]) -> type[KnownDifference]:
        entry.rung, entry.source = rung, source
        CATALOGUE[name] = entry
        return entry

    return enter
