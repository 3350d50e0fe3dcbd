"""The one way in which tests compare the arrays of two implementations."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnn_experiment.variables import Variables


def assert_close(ours: NDArray[Any], theirs: NDArray[Any], tolerance: float) -> None:
    """Fail unless shape and dtype are the same, all is finite and no element differs by more.

    `tolerance` is absolute; 0 asks for equality of every element. The message names the worst
    element.
    """
    assert ours.shape == theirs.shape, f"shape {ours.shape} against {theirs.shape}"
    assert ours.dtype == theirs.dtype, f"dtype {ours.dtype} against {theirs.dtype}"
    for name, array in (("ours", ours), ("theirs", theirs)):
        bad = np.argwhere(~np.isfinite(array))
        assert not len(bad), f"{name} is not finite at {tuple(bad[0].tolist())}"
    difference = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
    if difference.max(initial=0.0) > tolerance:
        worst = np.unravel_index(difference.argmax(), difference.shape)
        raise AssertionError(
            f"at {tuple(int(i) for i in worst)}: {ours[worst]!r} against {theirs[worst]!r},"
            f" difference {difference[worst]:.3g}, tolerance {tolerance:.3g}"
        )


def assert_variables_close(ours: Variables, theirs: Variables, tolerance: float) -> None:
    """Fail unless both have the same names and `assert_close` holds for each."""
    assert ours.keys() == theirs.keys(), f"{sorted(ours)} against {sorted(theirs)}"
    for name in ours:
        try:
            assert_close(ours[name], theirs[name], tolerance)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None
