"""Which unit of the Keras model goes with which unit of the PyTorch module.

By the class of the layer, the shapes and the order. Units that could be exchanged, since they are
of one kind and have the same shapes, are paired by their names where these are the same, otherwise
in their order; `Match.rivals` says how many there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from parity_ladder.pairing.keras_units import PROJECTIONS
from parity_ladder.pairing.layouts import layout_of
from parity_ladder.pairing.units import Part, Unit

BY_HAND = "by hand"
_RELATED = ({"dense", "conv", "depthwise"}, {""})
"""Kinds that may be paired with each other if the layout fits: a convolution with a window of 1 is
a dense layer, one with as many groups as channels is a depthwise one."""
_GROUPED = {"conv", "depthwise"}
"""Kinds that differ only in the number of groups, which a port may have left out."""


@dataclass(frozen=True)
class Match:
    """Two units that go with each other."""

    theirs: Unit
    ours: Unit
    how: str
    """`by order`, `by name`, `by activations` or `by hand`."""
    rivals: int = 0
    """The number of other units of PyTorch that would fit as well."""

    @property
    def is_by_hand(self) -> bool:
        """Whether a person paired them; `how` may say more then."""
        return self.how.startswith(BY_HAND)


def fits(theirs: Unit, ours: Unit) -> bool:
    """Return whether two units have the same variables, in shapes that go with each other."""
    if theirs.because or not _same_kind(theirs, ours):
        return False
    if theirs.kind == "":
        return _fits_by_shape(theirs, ours)
    return theirs.parts.keys() == ours.parts.keys() and all(
        layout_of(theirs.kind, role, part.shape, ours.parts[role].shape)
        for role, part in theirs.parts.items()
    )


def _same_kind(theirs: Unit, ours: Unit) -> bool:
    if theirs.kind == ours.kind:
        return True
    return any({theirs.kind, ours.kind} <= related for related in _RELATED)


def _fits_by_shape(theirs: Unit, ours: Unit) -> bool:
    """Return whether two units of unknown kind hold one variable of the same shape each."""
    (mine, *rest), (other, *others) = ours.parts.values(), theirs.parts.values()
    return not rest and not others and mine.shape == other.shape


def match(
    theirs: Sequence[Unit], ours: Sequence[Unit], by_hand: Sequence[Match] = ()
) -> list[Match]:
    """Pair the units of both sides, what was paired by hand first."""
    found = list(by_hand)
    open_theirs = _without(theirs, [each.theirs for each in found])
    open_ours = _without(ours, [each.ours for each in found])
    open_theirs, open_ours = _with_attentions_split(open_theirs, open_ours)

    # Those that fit exactly, in the order of both sides.
    for unit in list(open_theirs):
        candidates = [each for each in open_ours if fits(unit, each)]
        if candidates:
            chosen, how = _chosen(unit, candidates, open_theirs)
            found.append(Match(unit, chosen, how, len(candidates) - 1))
            open_theirs.remove(unit)
            open_ours.remove(chosen)

    # Then those of the same kind, whose shapes or variables differ: the ladder says in what.
    for unit in list(open_theirs):
        similar = [each for each in open_ours if unit.kind and unit.kind == each.kind]
        similar = similar or [each for each in open_ours if {unit.kind, each.kind} == _GROUPED]
        if similar and not unit.because:
            found.append(Match(unit, similar[0], "by order, though shapes or variables differ"))
            open_theirs.remove(unit)
            open_ours.remove(similar[0])
    return found


def _chosen(unit: Unit, candidates: Sequence[Unit], theirs: Sequence[Unit]) -> tuple[Unit, str]:
    """Return the candidate of the same name, such as `query`, otherwise the next in the order.

    One that has the name of another Keras unit is left to that.
    """
    named = [each for each in candidates if _last_name(each) == _last_name(unit)]
    if named:
        return named[0], "by order" if named[0] is candidates[0] else "by name"
    others = {_last_name(each) for each in theirs}
    free = [each for each in candidates if _last_name(each) not in others]
    return (free or candidates)[0], "by order"


def _last_name(unit: Unit) -> str:
    return unit.name.replace(".", "/").rpartition("/")[2]


def _without(units: Sequence[Unit], taken: Sequence[Unit]) -> list[Unit]:
    """Return the units none of whose tensors are taken."""
    names = {(part.name, part.first) for unit in taken for part in unit.parts.values()}
    return [
        unit
        for unit in units
        if not any((part.name, part.first) in names for part in unit.parts.values())
    ]


def _with_attentions_split(
    theirs: Sequence[Unit], ours: Sequence[Unit]
) -> tuple[list[Unit], list[Unit]]:
    """Split attentions into four dense layers where the other side has fewer attentions."""
    counts = [sum(unit.kind == "attention" for unit in units) for units in (theirs, ours)]
    if counts[0] == counts[1]:
        return list(theirs), list(ours)
    split = [part for unit in theirs for part in split_attention(unit)]
    return split, [
        part
        for unit in ours
        for each in split_attention(unit)
        for part in (_thirds(each) if _holds_three(each, split) else [each])
    ]


def _holds_three(unit: Unit, theirs: Sequence[Unit]) -> bool:
    """Return whether a dense layer fits no unit of Keras, but each of its three thirds does.

    So do many ports compute query, key and value by one matrix.
    """
    if unit.kind != "dense" or unit.parts["kernel"].shape[0] % 3:
        return False
    if any(fits(each, unit) for each in theirs):
        return False
    return all(any(fits(each, third) for each in theirs) for third in _thirds(unit))


def _thirds(unit: Unit) -> list[Unit]:
    """Return a dense layer as three, each with a third of its outputs."""
    size = unit.parts["kernel"].shape[0] // 3
    return [
        replace(
            unit,
            name=f"{unit.name}[{number * size}:{(number + 1) * size}]",
            parts={
                role: replace(part, shape=(size, *part.shape[1:]), first=number * size)
                for role, part in unit.parts.items()
            },
        )
        for number in range(3)
    ]


def split_attention(unit: Unit) -> list[Unit]:
    """Return the four dense layers of an attention, or the unit itself if it is none."""
    if unit.kind != "attention":
        return [unit]
    units = []
    for projection in PROJECTIONS:
        parts: Mapping[str, Part] = {
            role.partition("/")[2]: part
            for role, part in unit.parts.items()
            if role.startswith(f"{projection}/")
        }
        units.append(replace(unit, name=f"{unit.name}/{projection}", kind="dense", parts=parts))
    return units
