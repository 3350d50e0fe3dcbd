"""The catalogue of known differences between any Keras model and its port to PyTorch."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Variant = Callable[[Any], Any]
"""Gets a place of the entry's rung. Returns what a port with the mistake would show there, or None
where the mistake cannot be made, such as a padding in a dense layer."""
V = TypeVar("V", bound=Variant)


@dataclass(frozen=True)
class Entry:
    """One mistake that ports often make."""

    name: str
    rung: str
    """The name of the rung on which it shows first."""
    area: str
    """What it belongs to: `layers`, `losses`, `optimizers`, `schedules` or `loop`."""
    sentence: str
    """What is wrong in the port, and what to write instead."""
    source: str
    """Where the two frameworks say so: files below `keras/src/` and `torch/`, or an issue."""
    variant: Variant


CATALOGUE: dict[str, Entry] = {}
"""Every known difference by its name."""


def known(name: str, *, rung: str, area: str, source: str) -> Callable[[V], V]:
    """Add the decorated variant to the catalogue; its docstring is the sentence."""

    def enter(variant: V) -> V:
        if name in CATALOGUE:
            raise ValueError(f"{name!r} is in the catalogue twice")
        sentence = " ".join((inspect.getdoc(variant) or "").split())
        CATALOGUE[name] = Entry(name, rung, area, sentence, source, variant)
        return variant

    return enter


def entries_on(*rungs: str) -> list[Entry]:
    """Return the entries that show on one of these rungs."""
    return [entry for entry in CATALOGUE.values() if entry.rung in rungs]
