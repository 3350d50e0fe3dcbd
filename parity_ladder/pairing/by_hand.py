"""What a person pairs: a layer with a module, or a variable with a tensor."""

from collections.abc import Sequence
from itertools import permutations

from torch import Tensor, nn

from parity_ladder.errors import LadderError
from parity_ladder.pairing.layouts import Shape, longer_axes
from parity_ladder.pairing.matching import BY_HAND, Match, fits, split_attention
from parity_ladder.pairing.torch_units import named_modules, named_tensors, unit_of
from parity_ladder.pairing.units import Part, Unit

_SQUARE = f"{BY_HAND}, as it is; if the module holds it transposed, pair its .T"


def is_module(ours: object, module: nn.Module) -> bool:
    """Return whether a module, or the name of one, was given."""
    return isinstance(ours, nn.Module) or (
        isinstance(ours, str) and ours in dict(named_modules(module))
    )


def layer_by_hand(name: str, ours: object, units: Sequence[Unit], module: nn.Module) -> list[Match]:
    """Pair the Keras layer `name`, one of `units`, with a part of the module.

    Raises `LadderError` for a layer or a part that is not there, and for two that have no kind of
    variable in common.
    """
    theirs = [unit for unit in units if unit.is_of(name)]
    if not theirs:
        names = ", ".join(dict.fromkeys(unit.name for unit in units))
        raise LadderError(f"pairs[{name!r}]: no such layer in the model; accepted: {names}")
    modules = dict(named_modules(module))
    found = [n for n, each in modules.items() if each is ours or n == ours]
    if not found:
        raise LadderError(
            f"pairs[{name!r}] = {type(ours).__name__}: it is no part of the module; accepted:"
            f" {', '.join(filter(None, modules))}"
        )

    mine = unit_of(found[0], modules[found[0]], module)
    if {unit.kind for unit in theirs} != {unit.kind for unit in mine}:
        theirs = [part for unit in theirs for part in split_attention(unit)]
        mine = [part for unit in mine for part in split_attention(unit)]
    new = []
    for unit in theirs:
        other = next((each for each in mine if fits(unit, each)), mine[0] if mine else None)
        if other is None:
            raise LadderError(f"pairs[{name!r}] = {found[0]}: the module has no parameters")
        if unit.kind and not unit.parts.keys() & other.parts.keys():
            raise LadderError(
                f"pairs[{name!r}] = {found[0]}: no variable of a {unit.layer}"
                f" ({', '.join(unit.parts)}) goes with one of a {other.layer}"
                f" ({', '.join(part.name for part in other.parts.values())}); accepted: a module of"
                f" the same kind, or tensors one by one, such as pairs"
                f"[{next(iter(unit.parts.values())).name!r}] = {found[0]}.weight"
            )
        mine.remove(other)
        new.append(Match(unit, other, BY_HAND))
    return new


def variable_by_hand(
    name: str,
    ours: object,
    units: Sequence[Unit],
    shape: Shape | None,
    our_units: Sequence[Unit],
    module: nn.Module,
) -> Match:
    """Pair the Keras variable `name`, which has this shape, with a tensor of the module.

    `ours` may be a view with another order of axes, such as `module.w.T`: then the variable is what
    the view shows. Otherwise the tensor has the layout that PyTorch's own layers have. But in a
    module of one's own, a tensor of the variable's shape is taken as it is, with or without axes of
    length 1.

    Raises `LadderError` for a variable or a tensor that is not there.
    """
    if any(unit.name == name for unit in units):
        modules = filter(None, dict(named_modules(module)))
        raise LadderError(
            f"pairs[{name!r}] = {_told(ours)}: it is no module of the port; accepted for a layer:"
            f" {', '.join(modules)}"
        )
    variables = [part.name for unit in units for part in unit.parts.values()]
    if shape is None or name not in variables:
        names = ", ".join(dict.fromkeys(variables))
        raise LadderError(f"pairs[{name!r}]: no such variable in the model; accepted: {names}")
    tensors = named_tensors(module)
    found = [n for n, each in tensors.items() if each is ours or n == ours]
    axes = None
    if not found and isinstance(ours, Tensor):
        found = [n for n, each in tensors.items() if ours._base is each]
        axes = _order_of_axes(ours, tensors[found[0]]) if found else None
        found = [] if axes is None else found
    if not found:
        raise LadderError(
            f"pairs[{name!r}] = {_told(ours)}: it is no tensor of the module; accepted:"
            f" {', '.join(tensors)}, or a view of one with its axes in another order"
        )

    unit = next(u for u in units if any(part.name == name for part in u.parts.values()))
    role = next(role for role, part in unit.parts.items() if part.name == name)
    mine = Part(found[0], tuple(tensors[found[0]].shape), axes=axes)
    of_known_kind = {part.name for u in our_units if u.kind for part in u.parts.values()}
    is_as_it_is = found[0] not in of_known_kind and _is_held_as_in_keras(unit.kind, shape, mine)
    kind = "" if is_as_it_is else unit.kind
    how = _SQUARE if is_as_it_is and len(set(shape)) < len(shape) and axes is None else BY_HAND
    theirs = Unit(unit.name, unit.layer, kind, {role: Part(name, shape)})
    return Match(theirs, Unit(found[0], "tensor", kind, {role: mine}), how)


def _is_held_as_in_keras(kind: str, shape: Shape, ours: Part) -> bool:
    """Return whether a tensor of a module of one's own is taken to be the variable as it is.

    Not a convolution's kernel whose axes are equally long, nor the biases of a GRU: there, shapes
    tell nothing, and PyTorch's functions want PyTorch's layout.
    """
    if longer_axes(shape) != longer_axes(ours.shape) or (kind == "gru" and len(shape) == 1):
        return False
    return kind not in {"conv", "conv_transpose"} or len(set(shape)) == len(shape)


def _order_of_axes(view: Tensor, tensor: Tensor) -> tuple[int, ...] | None:
    """Return the order of axes in which a view shows a whole tensor; None if it is another view."""
    for axes in permutations(range(tensor.ndim)):
        permuted = tensor.permute(axes)
        if permuted.shape == view.shape and permuted.stride() == view.stride():
            return axes
    return None


def _told(value: object) -> str:
    """Return a name as it is, and the type of anything else."""
    return repr(value) if isinstance(value, str) else type(value).__name__
