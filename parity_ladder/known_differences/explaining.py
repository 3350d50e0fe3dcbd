"""How much of a difference an entry of the catalogue explains."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from parity_ladder.comparison import compare
from parity_ladder.known_differences.catalogue import Entry
from parity_ladder.known_differences.places import UpdatePlace
from parity_ladder.known_differences.recomputing import activated
from parity_ladder.layer_names import LOGITS
from parity_ladder.side import Arrays
from parity_ladder.tolerances import ALWAYS_ALLOWED_ULPS

EXPLAINED = 1e-3
"""A cause leaves at most this part of the difference. Rounding leaves far less, but an optimizer
that a port has written by hand may differ in a constant's last digits, too."""
MOST = 0.6
"""The part of an update's arrays, at least, that an entry explains. The others may have a mistake
of their own, such as the bias of an LSTM that has two in the port."""
ROUNDED = 2e-7
"""Relative: constants that one side rounds to float32 and the other does not differ by less."""


class Seen(NamedTuple):
    """The place of a difference in one step, and what both sides show on its rung."""

    place: Any
    ours: Arrays
    theirs: Callable[[], Arrays]


def left_by(
    entry: Entry, array: str, seen: Seen, *, is_first: bool
) -> tuple[float, frozenset[str]] | None:
    """Return which part of the difference an entry leaves, and which arrays it speaks of.

    None where it does not apply. Variables whose gradient is rounding alone need no cause.
    """
    try:
        variant = None if seen.place is None else entry.variant(seen.place)
    except Exception:  # a variant may fail in any way in a layer that it was not made for
        return None
    if variant is None:
        return None
    if isinstance(variant, bool):
        return (0.0, frozenset({array})) if variant else None
    noise = _noise(seen.place)
    values = {
        name: value
        for name, value in _by_name(variant, array).items()
        if name == array or not (name in noise or name.partition("/")[2] in noise)
    }
    if array not in values:
        return math.inf, frozenset(values)
    readings = [(seen.ours, seen.theirs())]
    if array.endswith(LOGITS):
        readings.append(_after_the_activation(array, seen))
    left = min(
        (_parts_left(values, *reading, array, is_first=is_first) for reading in readings),
        key=lambda parts: parts.get(array, math.inf),
    )
    explained = {name: part for name, part in left.items() if part <= EXPLAINED}
    is_update = isinstance(seen.place, UpdatePlace)
    if is_update and array in explained and len(explained) >= MOST * len(left):
        return max(explained.values()), frozenset(explained) | noise
    return max(left.values(), default=0.0), frozenset(values)


def _after_the_activation(array: str, seen: Seen) -> tuple[Arrays, Arrays]:
    """Return what both sides show, the logits of a layer as its outputs.

    Most variants compute a layer with its activation.
    """
    ours, theirs = (
        {**shown, array: activated(seen.place.layer, shown[array])} if array in shown else shown
        for shown in (seen.ours, seen.theirs())
    )
    return ours, theirs


def _noise(place: Any) -> frozenset[str]:
    """Return the variables whose gradient is rounding alone, of which Adam makes any update."""
    gradients: Arrays = getattr(place, "gradients", None) or {}
    sizes = {name: float(np.abs(each).max(initial=0.0)) for name, each in gradients.items()}
    smallest = ALWAYS_ALLOWED_ULPS * float(np.spacing(max(sizes.values(), default=0.0)))
    return frozenset(name for name, size in sizes.items() if size <= smallest)


def _by_name(variant: Any, array: str) -> Mapping[str, Any]:
    """Return what a variant shows as arrays by name; a single value is that of the array."""
    if isinstance(variant, Mapping):
        return {name: np.asarray(value) for name, value in variant.items()}
    return {array: np.asarray(variant)}


def _parts_left(
    variant: Mapping[str, Any], ours: Arrays, theirs: Arrays, array: str, *, is_first: bool = True
) -> dict[str, float]:
    """Return by array which part of the difference is left with the variant.

    Where the sides differ by rounding alone, only the array of the first difference counts.
    """
    parts: dict[str, float] = {}
    for name, value in variant.items():
        if name not in ours or name not in theirs:
            continue
        mine = ours[name]
        if value.shape != mine.shape:
            parts[name] = math.inf
            continue
        left = compare(np.asarray(value, mine.dtype), mine).absolute
        apart = compare(mine, theirs[name]).absolute
        scale = max(float(np.abs(mine).max(initial=0.0)), 1e-300)
        allowed = apart if math.isfinite(apart) else scale
        is_judged = is_first and name == array
        if left <= 1e-12 * scale or (not is_judged and max(left, apart) <= ROUNDED * scale):
            parts[name] = 0.0
        else:
            parts[name] = left / allowed if allowed else math.inf
    return parts
