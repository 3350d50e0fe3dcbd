"""Which operation of the port makes the output of which Keras layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from parity_ladder.layer_names import LOGITS
from parity_ladder.pairing import Pairs
from parity_ladder.pairing.activations import Axes, axes_between, likely_axes
from parity_ladder.pairing.matching import Match, fits
from parity_ladder.side import Arrays, State
from parity_ladder.torch_side.matching_values import by_value, has_activation, is_dropout, is_of
from parity_ladder.torch_side.placing import (
    activation_after,
    cut_after,
    users,
)
from parity_ladder.torch_side.placing import place as place_by_kind
from parity_ladder.torch_side.recurrent import recurrent_output
from parity_ladder.torch_side.watching import Recorded, Watch

if TYPE_CHECKING:
    from parity_ladder.keras_side.watching import LayerCall
    from parity_ladder.torch_side.side import TorchSide

MOST_EXCHANGES = 60
"""The number of exchanges of two layers that are tried, at most, for one that is not found."""
NOT_FOUND = "no output of the port has its values, in any order of axes"
NO_LAST_ACTIVATION = "the port has no such activation there; what goes into it was compared"
WITHIN_AN_OPERATION = "the port computes it within one operation of PyTorch"
_CHANNELS_FIRST = ("conv", "batch_norm", "pool", "interpolate", "instance_norm", "group_norm")


@dataclass(frozen=True)
class Alignment:
    """The outputs of the port that are compared with the layers' of the Keras model."""

    shown: Mapping[str, tuple[str, Axes]]
    """By the name of a Keras layer: the key of an operation, and the order of its axes."""
    missing: Mapping[str, str]
    """The layers that were not found, each with the reason."""
    dropouts: Mapping[int, tuple[str, Axes]]
    """By the number of a call of dropout: the Keras layer, and the order of its axes."""

    @property
    def keys(self) -> list[str]:
        """The keys of the operations whose outputs are compared."""
        return [key for key, _ in self.shown.values()]

    def outputs(self, watch: Watch) -> Arrays:
        """Return the outputs that a step made, by Keras' names, in Keras' layout."""
        made = watch.by_key()
        return {n: axes.to_keras(made[k]) for n, (k, axes) in self.shown.items() if k in made}


def align(
    side: "TorchSide",
    pairs: Pairs,
    theirs: Arrays,
    calls: "Sequence[LayerCall]",
    state: State,
    batch: Any,
) -> Alignment:
    """Find the outputs of Keras' layers among those of one step of the port, by their values.

    `theirs` are the outputs of Keras' layers in `state`, and `calls` the calls that made them, if
    they are known. Layers that could be exchanged are exchanged where more outputs are found that
    way.
    """
    made, dropouts = _recorded(side, state, batch)
    found = by_value(theirs, made, calls, pairs)
    for _ in range(len(pairs.matches)):
        better = _exchanged(side, pairs, theirs, calls, found, state, batch)
        if better is None:
            break
        made, found = better
    shown = dict(found)
    missing: dict[str, str] = {}
    by_name = {call.name: call for call in calls}
    for name, output in theirs.items():
        if name in shown:
            continue
        call = by_name.get(name)
        place = _by_its_kind(call, calls, found, shown, pairs, made) if call else None
        in_the_loss = name + LOGITS in shown and (
            call is None or not _is_within(call, calls, found)
        )
        if place is None and not in_the_loss:
            place = _by_its_module(name, output, pairs, made, call)
        if place is None:
            missing[name] = _why_missing(name, shown, pairs)
        else:
            shown[name] = place
    ordered = {name: shown[name] for name in theirs if name in shown}
    calls_of_dropout = [each for each in made if each.key in dropouts]
    return Alignment(ordered, missing, _dropouts(theirs, calls_of_dropout, made))


def _recorded(side: "TorchSide", state: State, batch: Any) -> tuple[list[Recorded], Sequence[str]]:
    """Return the outputs of a step, and the keys of the calls of dropout among them."""
    with side._on(state):
        watch = side.watched_step(state, batch, None)[1]
    return watch.of_the_training(), watch.dropouts


def _exchanged(
    side: "TorchSide",
    pairs: Pairs,
    theirs: Arrays,
    calls: "Sequence[LayerCall]",
    found: Mapping[str, Any],
    state: State,
    batch: Any,
) -> tuple[list[Recorded], dict[str, tuple[str, Axes]]] | None:
    """Exchange two layers of one shape, if more outputs are found then; None if there are none."""
    before = _agreeing(theirs, found)
    first = next((name for name in theirs if name not in found), None)
    if first is None:
        return None
    free = [each for each in pairs.matches if not each.is_by_hand]
    ones = [each for each in free if is_of(each, first)]
    # Those of its own layer; or two earlier layers, each of which was found in the other's place.
    earlier = [each for each in free if any(is_of(each, name) for name in list(theirs)[:before])]
    tries = [(one, each) for one in ones for each in free if _may_be_exchanged(one, each)]
    tries += [pair for pair in combinations(earlier[::-1], 2) if _may_be_exchanged(*pair)]
    for one, other in tries[:MOST_EXCHANGES]:
        kept = list(pairs.matches)
        pairs.exchange(one, other, "by activations")
        made, _ = _recorded(side, state, batch)
        now = by_value(theirs, made, calls, pairs)
        if _agreeing(theirs, now) > before:
            return made, now
        pairs.matches = kept
    return None


def _may_be_exchanged(one: Match, other: Match) -> bool:
    """Return whether each of two Keras units fits the PyTorch unit of the other."""
    return one is not other and fits(one.theirs, other.ours) and fits(other.theirs, one.ours)


def _agreeing(theirs: Arrays, found: Mapping[str, Any]) -> int:
    """Return how many layers are found, counted up to the first that is not."""
    names = list(theirs)
    missing = [place for place, name in enumerate(names) if name not in found]
    return missing[0] if missing else len(names)


def _by_its_kind(
    call: "LayerCall",
    calls: "Sequence[LayerCall]",
    found: Mapping[str, Any],
    shown: Mapping[str, tuple[str, Axes]],
    pairs: Pairs,
    made: Sequence[Recorded],
) -> tuple[str, Axes] | None:
    """Return the operation of the same kind at the place of a layer without parameters.

    There is none if the next layer is found: then the port does without such an operation.
    """
    following = users(call, calls)
    if call.layer.weights or any(later.name in found for later in following):
        return None
    last = frozenset({"softmax", "sigmoid"}) if call.logits and not following else None
    others = [match.ours.name for match in pairs.matches]
    chosen = place_by_kind(
        call,
        made,
        [key for key, _ in shown.values()],
        others,
        is_first=not any(call in users(each, calls) for each in calls[: calls.index(call)]),
        names=last,
    )
    if chosen is None:
        return None
    first = _is_channels_first(chosen, made)
    return chosen.key, likely_axes(call.outputs[0], chosen.array, channels_first=first)


def _why_missing(name: str, shown: Mapping[str, Any], pairs: Pairs) -> str:
    """Return why the output of a layer cannot be compared."""
    if name + LOGITS in shown:
        return NO_LAST_ACTIVATION
    fused = [each.theirs.name for each in pairs.matches if each.ours.kind == "attention"]
    is_fused = any(name.startswith(f"{layer}/") for layer in fused)
    return WITHIN_AN_OPERATION if is_fused else NOT_FOUND


def _is_within(call: "LayerCall", calls: "Sequence[LayerCall]", found: Mapping[str, Any]) -> bool:
    """Return whether layers follow on a layer, and none of the next is found."""
    following = users(call, calls)
    return bool(following) and not any(later.name in found for later in following)


def _by_its_module(
    name: str,
    output: NDArray[Any],
    pairs: Pairs,
    made: Sequence[Recorded],
    call: "LayerCall | None",
) -> tuple[str, Axes] | None:
    """Return the output of the module that a layer is paired with, after its activation.

    A layer with two modules, such as a separable convolution, ends with the later one. The
    operation within the module stands for the layer: the module itself may stand for another one,
    an activation that the port leaves out.
    """
    layer = name.removesuffix(LOGITS)
    matches = [match for match in pairs.matches if is_of(match, layer)]
    recurrent = recurrent_output(matches, output, pairs, made)
    if recurrent is not None:
        return recurrent.key, likely_axes(output, recurrent.array, channels_first=False)
    names = {f"module {match.ours.name}" for match in matches}
    firsts = {each.key.partition("#")[0]: each for each in reversed(made)}
    ends = [each for each in made if any(each is firsts.get(key) for key in names)]
    if not ends:
        return None
    within = next(each for each in made if each.tensor == ends[-1].tensor)
    chosen = cut_after(made, within, output.size)
    if layer == name and (call is None or has_activation(call.layer)):
        chosen = activation_after(made, chosen) or chosen
    first = _is_channels_first(chosen, made)
    return chosen.key, likely_axes(output, chosen.array, channels_first=first)


def _dropouts(
    theirs: Arrays, calls: Sequence[Recorded], made: Sequence[Recorded]
) -> dict[int, tuple[str, Axes]]:
    """Return the Dropout layer of each call of dropout; without dropping, both pass values on.

    Where the values differ, since an earlier layer does, they are paired in their order.
    """
    waiting = [name for name in theirs if is_dropout(name)]
    found: dict[int, tuple[str, Axes]] = {}
    for number, call in enumerate(calls):
        for name in waiting:
            axes = axes_between(theirs[name], call.array)
            if axes is not None:
                found[number] = name, axes
                waiting.remove(name)
                break

    for number, call in enumerate(calls):
        fits = [name for name in waiting if theirs[name].size == call.array.size]
        if number not in found and fits:
            first = _is_channels_first(call, made)
            found[number] = fits[0], likely_axes(theirs[fits[0]], call.array, channels_first=first)
            waiting.remove(fits[0])
    return found


def _is_channels_first(output: Recorded, made: Sequence[Recorded]) -> bool:
    """Return whether an output has as many axes as one of an operation with channels first."""
    return any(
        each.array.ndim == output.array.ndim
        for each in made
        if any(word in each.key for word in _CHANNELS_FIRST)
    )
