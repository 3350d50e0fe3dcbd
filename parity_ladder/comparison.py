"""The one way in which the arrays of two sides are compared."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from parity_ladder.side import Arrays, Shapes

SMALLEST_SCALE = 1e-9
"""Magnitudes below this count as this, so that rounding around zero is no difference."""


class Difference(NamedTuple):
    """How far two arrays are apart, at the worst element.

    Arrays of different shape or dtype, or with values that are not finite, are infinitely far.
    """

    absolute: float
    relative: float
    """The absolute difference over the largest magnitude in the reference's array."""
    where: str
    """Part of a sentence: which element, both values, or what else is different."""


def infinite(where: str) -> Difference:
    """Return the difference of what cannot be subtracted."""
    return Difference(math.inf, math.inf, where)


def compare(ours: NDArray[Any], theirs: NDArray[Any]) -> Difference:
    """Compare shape, dtype and finiteness, then values; `theirs` is the reference."""
    for what, mine, other in (
        ("shape", ours.shape, theirs.shape),
        ("dtype", ours.dtype, theirs.dtype),
    ):
        if mine != other:
            return infinite(f" has {what} {mine}, not {other}")
    for whose, array in (("ours", ours), ("theirs", theirs)):
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            index, value = bad[0].tolist(), array[tuple(bad[0])]
            return infinite(f"{index} is not finite in {whose}: {value}")

    distance = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
    absolute = float(distance.max(initial=0.0))
    if absolute == 0.0:
        return Difference(0.0, 0.0, " is equal")
    worst = np.unravel_index(distance.argmax(), distance.shape)
    relative = absolute / max(float(np.abs(theirs).max()), SMALLEST_SCALE)
    index = [int(i) for i in worst] or ""
    return Difference(
        absolute,
        relative,
        f"{index} is {ours[worst]!s}, not {theirs[worst]!s}: {absolute:.2g} apart,"
        f" {relative:.2g} relative, {_ulps(ours[worst], theirs[worst]):.2g} ulps",
    )


def _ulps(ours: Any, theirs: Any) -> float:
    """Distance in units in the last place of the larger number; NaN for whole numbers."""
    if not np.issubdtype(np.asarray(theirs).dtype, np.floating):
        return math.nan
    spacing = np.spacing(max(abs(ours), abs(theirs)))
    return float(abs(np.float64(ours) - np.float64(theirs)) / spacing)


def differences(ours: Arrays, theirs: Arrays) -> Iterator[tuple[str, Difference]]:
    """Yield each array's difference, in the reference's order; a missing one is infinitely far."""
    for name in dict.fromkeys([*theirs, *ours]):
        if missing := _missing(name, ours, theirs):
            yield name, missing
        else:
            yield name, compare(ours[name], theirs[name])


def shape_differences(ours: Shapes, theirs: Shapes) -> Iterator[tuple[str, Difference]]:
    """Yield for each variable whether the shapes are equal, with the counts of all parameters."""
    ours_in_all, theirs_in_all = (
        sum(math.prod(shape) for shape in side.values()) for side in (ours, theirs)
    )
    in_all = f"; the port has {ours_in_all:,} parameters, the reference {theirs_in_all:,}"
    for name in dict.fromkeys([*theirs, *ours]):
        if missing := _missing(name, ours, theirs):
            yield name, infinite(missing.where + in_all)
        elif tuple(ours[name]) != tuple(theirs[name]):
            mine, other = tuple(ours[name]), tuple(theirs[name])
            yield name, infinite(f" has shape {mine}, not {other}{in_all}")
        else:
            yield name, Difference(0.0, 0.0, " is equal")


def _missing(
    name: str, ours: Mapping[str, object], theirs: Mapping[str, object]
) -> Difference | None:
    for side, whose in ((ours, "ours"), (theirs, "theirs")):
        if name not in side:
            return infinite(f" is missing in {whose}")
    return None


def same_memory(ours: Mapping[str, object], theirs: Mapping[str, object]) -> str | None:
    """Return the name of an array that both sides hold in the same memory, if there is one.

    To compare an array with itself would prove nothing.
    """
    for name in ours.keys() & theirs.keys():
        mine, other = ours[name], theirs[name]
        if not (isinstance(mine, np.ndarray) and isinstance(other, np.ndarray)):
            continue
        if mine.size and np.may_share_memory(mine, other):
            return name
    return None


def assert_close(ours: NDArray[Any], theirs: NDArray[Any], tolerance: float) -> None:
    """Fail unless no element differs by more than the absolute `tolerance`; 0 asks for equality."""
    difference = compare(ours, theirs)
    if difference.absolute > tolerance:
        raise AssertionError(f"{difference.where}; tolerance {tolerance:.3g}")


def assert_arrays_close(ours: Arrays, theirs: Arrays, tolerance: float) -> None:
    """Fail unless both have the same names and `assert_close` holds for each."""
    if ours.keys() != theirs.keys():
        raise AssertionError(f"{sorted(ours)} against {sorted(theirs)}")
    for name in ours:
        try:
            assert_close(ours[name], theirs[name], tolerance)
        except AssertionError as error:
            raise AssertionError(f"{name}{error}") from None
