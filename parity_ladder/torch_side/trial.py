"""A step of the port that is only tried, before the climb."""

import math
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from parity_ladder.errors import Float32OnlyError, LadderError
from parity_ladder.side import State

if TYPE_CHECKING:
    from parity_ladder.torch_side.side import TorchSide


def randomised(state: State) -> State:
    """Return a state with other weights, in which no two layers have the same outputs by chance.

    Biases that begin at 0 and scales that begin at 1 would hide an exchange of two layers. Each
    value is moved by a tenth of its array's magnitude; variances stay above 0.
    """
    source = np.random.default_rng(0)

    def moved(name: str, array: NDArray[Any]) -> NDArray[Any]:
        if array.dtype.kind != "f":
            return array
        size = float(np.abs(array).max(initial=0.0)) or 1.0
        noise = source.normal(size=array.shape) * size / 10
        changed = array * np.exp(noise / size) if "variance" in name else array + noise
        return np.asarray(changed, array.dtype)

    weights = {name: moved(name, array) for name, array in state.weights.items()}
    return replace(state, weights=weights)


def as_trial(side: "TorchSide") -> "TorchSide":
    """Return the side without dropout, for a step that is only tried."""
    alone = copy(side)
    alone.dropout = "off"
    if alone._given is not None:
        reference = alone._given.reference
        undropped = reference.without_dropout() or reference
        taken = alone._given.taken if undropped is reference else ()
        alone._given = replace(alone._given, reference=undropped, taken=taken)
    return alone


def _works_in_float32(side: "TorchSide", state: State, batch: Any) -> bool:
    """Return whether a step that fails in float64 can be taken in float32."""
    weights, optimizer = (
        {n: a.astype(np.float32) if a.dtype == np.float64 else a for n, a in arrays.items()}
        for arrays in (state.weights, state.optimizer)
    )
    lower = replace(state, weights=weights, optimizer=optimizer)
    try:
        with side._on(lower):
            side.watched_step(lower, batch, None)
    except Exception:  # then it is not the dtype
        return False
    return True


def must_be_repeatable(side: "TorchSide", state: State, batch: Any) -> None:
    """Raise `LadderError` unless two steps from the same state with the same batch are equal.

    The second one begins with the gradients that the first one has left, and it is noted if they
    are in its own. Raises `Float32OnlyError` for a port that cannot compute in float64.
    """
    steps = []
    left: dict[int, Tensor] = {}
    is_float64 = any(array.dtype == np.float64 for array in state.weights.values())
    for _ in range(2):
        with side._on(state):
            side._borrowed.load_gradients(left)
            try:
                step, watch = side.watched_step(state, batch, None)
            except LadderError:
                raise
            except (RuntimeError, ValueError, TypeError) as error:
                if is_float64 and _works_in_float32(side, state, batch):
                    raise Float32OnlyError(
                        f"the port cannot compute in float64 ({str(error).splitlines()[0]})"
                    ) from error
                raise
            steps.append(step)
            left = side._borrowed.gradients()
        used = watch.towards_the_loss()
        lower = [each.key for each in used if each.array.dtype == np.float32]
        if lower and is_float64:
            raise Float32OnlyError(f"the port computes {lower[0].partition('#')[0]} in float32")

    first, second = steps
    side._borrowed.adds_to_gradients = not all(
        np.allclose(
            array, (first.gradients or {})[name], rtol=1e-3, atol=1e-3 * np.abs(array).max()
        )
        for name, array in (second.gradients or {}).items()
        if array.size and np.isfinite(array).all()
    )
    for what, one, other in (
        ("its loss", first.loss, second.loss),
        ("its learning rate", first.learning_rate, second.learning_rate),
    ):
        if one is not None and not math.isfinite(one):
            continue  # not a number is never equal to itself; a rung tells of it
        if one != other:
            raise LadderError(
                f"two steps of the port from the same state differ in {what}, {one} and {other};"
                " accepted: a step that keeps nothing but what is in module, optimizer and"
                " scheduler, and draws no random numbers but those of dropout"
            )
