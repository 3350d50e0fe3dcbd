"""The one way in which the arrays of two sides are compared."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from parity_ladder.side import Arrays, Shapes

SMALLEST_SCALE = 1e-9
"""A relative difference is never taken over less than this, so that rounding around zero does not
count as a difference."""


class Difference(NamedTuple):
    """How far two arrays are apart, at the worst element.

    It is infinite for arrays of different shape or dtype, and for values that are not finite.
    """

    absolute: float
    relative: float
    """The absolute difference, divided by the largest magnitude in the reference's array."""
    where: str
    """The rest of a sentence that begins with the array's name: which element differs and by how
    much, or what else is different."""


def infinite(where: str) -> Difference:
    """Return the difference of two things that cannot be subtracted; `where` says why."""
    return Difference(math.inf, math.inf, where)


def compare(ours: NDArray[Any], theirs: NDArray[Any]) -> Difference:
    """Compare shape, dtype and finiteness, then the values; `theirs` is the reference's array."""
    for whose, array in (("ours", ours), ("theirs", theirs)):
        if not isinstance(array, np.ndarray | np.generic):
            return infinite(f" is a {type(array).__name__} in {whose}; accepted: a NumPy array")
    for what, mine, other in (
        ("shape", ours.shape, theirs.shape),
        ("dtype", ours.dtype, theirs.dtype),
    ):
        if mine != other:
            return infinite(f" has {what} {mine}, not {other}")
    if not np.can_cast(theirs.dtype, np.float64):  # such as complex numbers, texts and objects
        return infinite(f" has dtype {theirs.dtype}; accepted: numbers that float64 can hold")
    for whose, array in (("ours", ours), ("theirs", theirs)):
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            index, value = bad[0].tolist(), array[tuple(bad[0])]
            return infinite(f"{index} is not finite in {whose}: {value}")

    magnitude = np.abs(theirs.astype(np.float64))
    distance = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
    # Whole numbers above 2**53 may differ by less than float64 can show.
    distance = np.where((distance == 0) & (ours != theirs), 1.0, distance)
    absolute = float(distance.max(initial=0.0))
    if absolute == 0.0:
        return Difference(0.0, 0.0, " is equal")
    worst = np.unravel_index(distance.argmax(), distance.shape)
    relative = absolute / max(float(magnitude.max()), SMALLEST_SCALE)
    index = [int(i) for i in worst] or ""
    return Difference(
        absolute,
        relative,
        f"{index} is {ours[worst]!s}, not {theirs[worst]!s}: {absolute:.2g} apart,"
        f" {relative:.2g} relative{_ulps(ours[worst], theirs[worst])}",
    )


def _ulps(ours: Any, theirs: Any) -> str:
    """Return the distance in ulps of the larger number, as text; nothing for whole numbers."""
    if not np.issubdtype(np.asarray(theirs).dtype, np.floating):
        return ""
    spacing = np.spacing(max(abs(ours), abs(theirs)))
    distance = abs(np.float64(ours) - np.float64(theirs)) / spacing
    return f", {distance:.2g} ulps"


def differences(ours: Arrays, theirs: Arrays) -> Iterator[tuple[str, Difference]]:
    """Yield the difference of each array, in the reference's order; of a missing one, infinity."""
    for name in dict.fromkeys([*theirs, *ours]):
        if missing := _missing(name, ours, theirs):
            yield name, missing
        else:
            yield name, compare(ours[name], theirs[name])


def shape_differences(ours: Shapes, theirs: Shapes) -> Iterator[tuple[str, Difference]]:
    """Yield the difference of each variable's shape: zero, or infinity with both sides' sizes."""
    our_size, their_size = (
        sum(math.prod(shape) for shape in shapes.values()) for shapes in (ours, theirs)
    )
    sizes = f"; the port has {our_size:,} parameters, the reference {their_size:,}"
    for name in dict.fromkeys([*theirs, *ours]):
        if missing := _missing(name, ours, theirs):
            yield name, infinite(missing.where + sizes)
        elif tuple(ours[name]) != tuple(theirs[name]):
            mine, other = tuple(ours[name]), tuple(theirs[name])
            yield name, infinite(f" has shape {mine}, not {other}{sizes}")
        else:
            yield name, Difference(0.0, 0.0, " is equal")


def _missing(
    name: str, ours: Mapping[str, object], theirs: Mapping[str, object]
) -> Difference | None:
    """Return an infinite difference if one of the two lacks the name."""
    for side, whose in ((ours, "ours"), (theirs, "theirs")):
        if name not in side:
            return infinite(f" is missing in {whose}")
    return None


def same_memory(ours: Mapping[str, object], theirs: Mapping[str, object]) -> str | None:
    """Return the name of an array that both sides hold in the same memory, if there is one.

    Its comparison would prove nothing: an array always equals itself.
    """
    for name in ours.keys() & theirs.keys():
        mine, other = ours[name], theirs[name]
        if not (isinstance(mine, np.ndarray) and isinstance(other, np.ndarray)):
            continue
        if mine.size and np.may_share_memory(mine, other):
            return name
    return None


def is_empty(shown: Mapping[str, object]) -> bool:
    """Return whether there is nothing to compare: no array, or only arrays without elements."""
    return all(isinstance(value, np.ndarray) and value.size == 0 for value in shown.values())


def assert_close(ours: NDArray[Any], theirs: NDArray[Any], tolerance: float) -> None:
    """Raise `AssertionError` if an element differs by more than the absolute `tolerance`.

    A tolerance of 0 demands equality.
    """
    difference = compare(ours, theirs)
    if not difference.absolute <= tolerance:  # also for a tolerance of NaN
        raise AssertionError(f"{difference.where}; tolerance {tolerance:.3g}")


def assert_arrays_close(ours: Arrays, theirs: Arrays, tolerance: float) -> None:
    """Raise `AssertionError` unless the names are the same and `assert_close` holds for each.

    It is raised for no arrays at all, too: nothing would be compared.
    """
    if not theirs:
        raise AssertionError("there are no arrays to compare")
    if ours.keys() != theirs.keys():
        raise AssertionError(f"{sorted(ours)} against {sorted(theirs)}")
    for name in ours:
        try:
            assert_close(ours[name], theirs[name], tolerance)
        except AssertionError as error:
            raise AssertionError(f"{name}{error}") from None
