"""Which operation of the port stands for a recurrent layer whose output is nowhere in the port."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from parity_ladder.pairing import Pairs
from parity_ladder.pairing.matching import Match
from parity_ladder.pairing.torch_units import module_of, named_tensors
from parity_ladder.torch_side.placing import operation
from parity_ladder.torch_side.watching import Recorded

_KINDS = {"lstm", "gru", "rnn"}
_FUSED = {"lstm", "gru", "rnn_tanh", "rnn_relu"}
"""PyTorch's functions that compute all steps, layers and directions at once."""
_PASSING_ON = {
    "getitem", "narrow", "select", "index_select", "gather", "unbind", "take_along_dim",
    "mean", "sum", "max", "amax", "add", "radd", "iadd", "mul", "truediv", "div", "where",
    "masked_fill", "cat", "concat", "stack", "flip", "transpose", "permute", "movedim", "swapaxes",
    "squeeze", "unsqueeze", "flatten", "reshape", "view", "contiguous", "pad_packed_sequence",
}  # fmt: skip
"""What ports do to the outputs of all steps until they have those of Keras' layer."""
_SORTING = {"index_select"}
"""What a packed sequence has behind its outputs, to put the samples back into their order."""
_MERGING = _SORTING | {"add", "radd", "iadd", "mul", "truediv", "div"}
"""What the outputs of two directions are made one with."""


def recurrent_output(
    matches: Sequence[Match], output: NDArray[Any], pairs: Pairs, made: Sequence[Recorded]
) -> Recorded | None:
    """Return the first operation behind a recurrent module that has the size of Keras' output.

    `matches` are those of the layer. None if they are not all that the module computes last: half
    of a bidirectional module, or a layer below another one within it, has no output of its own.
    """
    if not matches or any(match.ours.kind not in _KINDS for match in matches):
        return None
    name = module_of(matches[0].ours)
    if not _is_last(matches, name, pairs):
        return None

    tensors = named_tensors(pairs.module)
    weights = {id(tensors[p.name]) for m in matches for p in m.ours.parts.values()}
    calls = [each for each in made if operation(each) in _FUSED and each.came_from & weights]
    calls = calls or [each for each in made if each.key.startswith(f"module {name}#")]
    reached = {each.tensor for each in calls}
    going_on = _MERGING if len(matches) > 1 else _SORTING
    found: Recorded | None = None
    for each in made:
        is_start = any(each is call for call in calls)
        if not is_start and not (each.came_from & reached and operation(each) in _PASSING_ON):
            continue
        reached.add(each.tensor)
        is_next = found is None or operation(each) in going_on
        found = each if is_next and _fits(each, found, output) else found
    return found


def _fits(each: Recorded, before: Recorded | None, output: NDArray[Any]) -> bool:
    """Return whether an operation has the size of Keras' output, and the shape of one before."""
    shape = each.array.shape
    if before is not None:
        return shape == before.array.shape
    is_as_large = each.array.size == output.size
    return is_as_large and shape[:1] == output.shape[:1] and shape[-1:] == output.shape[-1:]


def _is_last(matches: Sequence[Match], name: str, pairs: Pairs) -> bool:
    """Return whether these are all units of the last layer of a module."""
    units = [each.ours.name for each in pairs.matches if module_of(each.ours) == name]
    number = units[-1].removeprefix(name).removesuffix("_reverse")
    last = {unit for unit in units if unit.removesuffix("_reverse") == name + number}
    return {match.ours.name for match in matches} == last
