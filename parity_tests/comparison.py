"""The one way in which the arrays of two implementations are compared."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnn_experiment.variables import Variables
from parity_tests.tolerances import SMALLEST_SCALE


class Difference(NamedTuple):
    """How far two arrays are apart, at the worst element.

    Arrays of different shape or dtype, or with values that are not finite, are infinitely far.
    """

    absolute: float
    relative: float
    """The absolute difference over the largest magnitude in the reference's array."""
    where: str
    """A sentence part: which element, both values, or what else is different."""


def compare(ours: NDArray[Any], theirs: NDArray[Any]) -> Difference:
    """Compare shape, dtype and finiteness, then values; `theirs` is the reference."""
    for what, mine, other in (
        ("shape", ours.shape, theirs.shape),
        ("dtype", ours.dtype, theirs.dtype),
    ):
        if mine != other:
            return Difference(math.inf, math.inf, f" has {what} {mine}, not {other}")
    for whose, array in (("ours", ours), ("theirs", theirs)):
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            index = bad[0].tolist()
            value = array[tuple(bad[0])]
            return Difference(math.inf, math.inf, f"{index} is not finite in {whose}: {value}")
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
    if not np.issubdtype(np.asarray(theirs).dtype, np.floating):
        return math.nan
    spacing = np.spacing(max(abs(ours), abs(theirs)))
    return float(abs(np.float64(ours) - np.float64(theirs)) / spacing)


def assert_close(ours: NDArray[Any], theirs: NDArray[Any], tolerance: float) -> None:
    """Fail unless no element differs by more than the absolute `tolerance`; 0 asks for equality."""
    difference = compare(ours, theirs)
    assert difference.absolute <= tolerance, f"{difference.where}; tolerance {tolerance:.3g}"


def assert_variables_close(ours: Variables, theirs: Variables, tolerance: float) -> None:
    """Fail unless both have the same names and `assert_close` holds for each."""
    assert ours.keys() == theirs.keys(), f"{sorted(ours)} against {sorted(theirs)}"
    for name in ours:
        try:
            assert_close(ours[name], theirs[name], tolerance)
        except AssertionError as error:
            raise AssertionError(f"{name}{error}") from None
