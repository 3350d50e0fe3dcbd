"""Which operation of the port stands for a layer whose output is nowhere in the port.

Such a layer has a mistake in the port, or follows on one. Where the port has what goes into the
layer, its operation is the first of the layer's kind among those that follow.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parity_ladder.pairing.activations import axes_between
from parity_ladder.torch_side.watching import PASSED_ON, Recorded

if TYPE_CHECKING:
    from parity_ladder.keras_side.watching import LayerCall

ACTIVATIONS = {
    "relu", "relu_", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "prelu",
    "sigmoid", "logsigmoid", "tanh", "softmax", "log_softmax", "softmin", "softplus", "softsign",
    "hardsigmoid", "hardswish", "hardtanh", "hardshrink", "softshrink", "tanhshrink", "threshold",
    "rrelu", "glu",
}  # fmt: skip
_ARITHMETIC = {
    "add", "radd", "iadd", "mul", "rmul", "imul", "sub", "rsub", "isub", "div", "truediv",
    "rtruediv", "rdiv", "pow", "rpow", "square", "sqrt", "exp", "log", "log1p", "expm1", "erf",
    "neg", "abs", "clamp", "clamp_min", "clamp_max", "clip", "maximum", "minimum", "where",
    "logaddexp", "logsumexp", "sum",
}  # fmt: skip
_ELEMENTWISE = ACTIVATIONS | _ARITHMETIC
_ACTIVATION_LAYERS = {"Activation", "ReLU", "LeakyReLU", "ELU", "Softmax"}
_MOVES = {"transpose", "permute", "movedim", "moveaxis", "swapaxes", "contiguous"}
"""Operations that only change the order of axes."""
_CUTS = {"getitem", "narrow"}
_BY_AXIS = {*_CUTS, "repeat_interleave"}
_OPERATIONS: tuple[tuple[tuple[str, ...], frozenset[str]], ...] = (
    (("Global",), frozenset({"mean", "max", "amax"})),
    (("Resizing", "UpSampling"), frozenset({"interpolate", "upsample", "repeat_interleave"})),
    (("ZeroPadding",), frozenset({"pad"})),
    (("Cropping",), frozenset({"getitem", "narrow", "pad"})),
    (("Concatenate",), frozenset({"cat", "concat", "concatenate"})),
)
"""By words in the name of the layer's class: PyTorch's functions. Pooling has more, with `pool`."""


def users(call: "LayerCall", calls: "Sequence[LayerCall]") -> "list[LayerCall]":
    """Return the calls of the layers that the output of this one goes into."""
    return [
        later
        for later in calls[calls.index(call) + 1 :]
        if any(_is_equal(one, other) for one in later.inputs for other in call.outputs)
    ]


def place(
    call: "LayerCall",
    made: Sequence[Recorded],
    taken: Sequence[str],
    others: Sequence[str],
    *,
    is_first: bool,
    names: frozenset[str] | None = None,
) -> Recorded | None:
    """Return the operation that stands for a layer without parameters; None if there is none.

    `taken` are the keys of operations that stand for layers already, and `others` the names of
    modules that are paired with layers. `is_first`: whether the layer gets an input of the model.
    `names`: the only operations that may stand for it.
    """
    starts = [
        each
        for each in made
        if any(axes_between(array, each.array) is not None for array in call.inputs)
    ]
    layer = type(call.layer).__name__
    if layer in _ACTIVATION_LAYERS:
        return _activation(starts, made, taken, names)
    words = [known for parts, known in _OPERATIONS if any(part in layer for part in parts)]
    if not words and "Pooling" not in layer:
        return None

    def is_its_kind(each: Recorded) -> bool:
        name = operation(each)
        if "Pooling" in layer and "pool" in name:
            return ("Global" in layer) == ("adaptive" in name)
        return any(name in known for known in words)

    begun = {each.tensor for each in starts}
    if not begun and is_first:
        begun = _roots(made)
    ends = {each.tensor for each in made if each.key.partition("#")[0] in _as_keys(others)}
    return _first(made, begun, ends, lambda each: each.key not in taken and is_its_kind(each))


def cut_after(made: Sequence[Recorded], start: Recorded, size: int) -> Recorded:
    """Return the operation that cuts an output to this number of values, or the output itself."""
    last = start
    for each in made[_position(made, start) + 1 :]:
        if last.tensor not in each.came_from:
            continue
        if operation(each) not in _CUTS or start.array.size == size:
            break
        last = each
        if each.array.size == size:
            return each
    return start


def activation_after(made: Sequence[Recorded], start: Recorded) -> Recorded | None:
    """Return the last of the elementwise operations that follow directly on an operation.

    An activation may be written by hand, in several operations. One with a second input that does
    not come from there, such as the sum of a residual block, is no activation.
    """
    reached = {start.tensor}
    others = {each.tensor for each in made} - reached
    last = None
    for each in made[_position(made, start) + 1 :]:
        if not each.came_from & reached:
            continue
        if operation(each) in _ELEMENTWISE and not each.came_from & (others - reached):
            reached.add(each.tensor)
            last = each
        elif operation(each) in _MOVES:
            reached.add(each.tensor)
        elif each.tensor not in reached:
            break
    return last


def operation(each: Recorded) -> str:
    """Return the name of an operation, such as `mul` for `__mul__#3`."""
    return each.key.partition("#")[0].strip("_")


def _activation(
    starts: Sequence[Recorded],
    made: Sequence[Recorded],
    taken: Sequence[str],
    names: frozenset[str] | None,
) -> Recorded | None:
    for start in reversed(starts):
        found = activation_after(made, start)
        if found is not None and found.key not in taken:
            return found if names is None or operation(found) in names else None
    if names is not None:
        return None
    # It is left out: what goes into it is passed on.
    return replace(starts[-1], key=starts[-1].key + PASSED_ON) if starts else None


def _first(
    made: Sequence[Recorded],
    starts: set[int],
    ends: set[int],
    is_its_kind: Callable[[Recorded], bool],
) -> Recorded | None:
    """Return the first operation of a kind; of one that is repeated axis by axis, the last."""
    reached, first = set(starts), None
    for each in made:
        if each.tensor in ends or not each.came_from & reached:
            continue
        reached.add(each.tensor)
        if first is None:
            first = each if is_its_kind(each) else None
        elif operation(each) == operation(first) and operation(each) in _BY_AXIS:
            first = each
        elif each.tensor != first.tensor:
            break
    return first


def _roots(made: Sequence[Recorded]) -> set[int]:
    """Return the tensors that no operation made, such as the port's inputs."""
    return {source for each in made for source in each.came_from} - {e.tensor for e in made}


def _as_keys(modules: Sequence[str]) -> set[str]:
    return {f"module {name}" for name in modules}


def _position(made: Sequence[Recorded], one: Recorded) -> int:
    return next(place for place, each in enumerate(made) if each is one)


def _is_equal(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    return one.shape == other.shape and np.array_equal(one, other)
