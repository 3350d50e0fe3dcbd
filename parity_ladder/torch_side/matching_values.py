"""Finds the outputs of Keras' layers among those of the port, by their values."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parity_ladder.layer_names import LOGITS
from parity_ladder.pairing import Pairs
from parity_ladder.pairing.activations import Axes, axes_between
from parity_ladder.pairing.matching import Match
from parity_ladder.side import Arrays
from parity_ladder.torch_side.dropout import NAMES as DROPOUTS
from parity_ladder.torch_side.placing import ACTIVATIONS, activation_after, operation
from parity_ladder.torch_side.watching import Recorded

if TYPE_CHECKING:
    from parity_ladder.keras_side.watching import LayerCall


def by_value(
    theirs: Arrays, made: Sequence[Recorded], calls: "Sequence[LayerCall]", pairs: Pairs
) -> dict[str, tuple[str, Axes]]:
    """Return the operations with the values of a layer's output, the next after the one before.

    Layers that pass their values on, such as Flatten, are the same as the layer before. So each
    gets a tensor of its own if there is one, and a Dropout gets a call of dropout, as nobody else
    does. An activation may pass its values on, too, if all are positive, or nearly so, if all are
    small: a layer that ends with one gets the activation's tensor.
    """
    activated = {call.name for call in calls if has_activation(call.layer)}
    dropouts = [p for p, each in enumerate(made) if each.key.partition("#")[0] in DROPOUTS]
    found: dict[str, tuple[str, Axes]] = {}
    latest, taken = 0, -1
    for name, output in theirs.items():
        own = {f"module {match.ours.name}" for match in pairs.matches if is_of(match, name)}
        for place in _places(name, made, own, dropouts, latest, taken):
            axes = axes_between(output, made[place].array)
            if axes is None:
                continue
            chosen = made[place]
            may_follow = name in activated and operation(chosen) not in ACTIVATIONS
            after = activation_after(made, chosen) if may_follow else None
            if after is not None and _is_as_near(after, chosen, output, axes):
                chosen = after
            found[name] = chosen.key, axes
            latest = next(p for p, each in enumerate(made) if each is chosen)
            taken = chosen.tensor
            dropouts = [each for each in dropouts if each != place]
            break
    return found


def _places(
    name: str,
    made: Sequence[Recorded],
    own: Collection[str],
    dropouts: Sequence[int],
    latest: int,
    taken: int,
) -> list[int]:
    """Return the places of operations in the order in which a layer is looked for among them.

    First its `own` modules, with which it is paired. Then those behind the `latest` layer, whose
    tensor is `taken`, and before the next of the `dropouts`, which belong to no layer so far.
    """
    places = [*range(latest, len(made)), *range(latest)]
    if is_dropout(name):
        return sorted(places, key=lambda place: place not in dropouts)
    barrier = min((place for place in dropouts if place >= latest), default=len(made))

    def order(place: int) -> tuple[bool, bool, bool]:
        each = made[place]
        is_own = each.key.partition("#")[0] in own
        return not is_own, not latest <= place < barrier, each.tensor == taken

    return sorted(places, key=order)


def _is_as_near(after: Recorded, before: Recorded, output: NDArray[Any], axes: Axes) -> bool:
    """Return whether the activation's tensor is as near to Keras' output as what went into it."""
    if after.array.ndim != before.array.ndim:
        return False
    one, other = (np.abs(axes.to_keras(each.array) - output).max() for each in (after, before))
    return bool(one <= other)


def is_dropout(layer: str) -> bool:
    """Return whether a layer of this name is a Dropout."""
    return "dropout" in layer.rpartition("/")[2].lower()


def is_of(match: Match, layer: str) -> bool:
    """Return whether the Keras unit of a match belongs to a layer's output."""
    name = layer.removesuffix(LOGITS).partition("#")[0].partition("[")[0]
    return match.theirs.name == name or match.theirs.name.startswith(f"{name}/")


def has_activation(layer: Any) -> bool:
    """Return whether a layer ends with an activation; those of recurrent ones lie within."""
    activation = getattr(layer, "activation", None)
    is_linear = getattr(activation, "__name__", "") == "linear"
    return activation is not None and not is_linear and not hasattr(layer, "recurrent_activation")
