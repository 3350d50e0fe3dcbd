"""Two mistakes in one loss: one in the data loss and one in the penalty.

A port shows their sum, so neither of the two alone explains the difference.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from parity_ladder.known_differences.catalogue import Entry, entries_on
from parity_ladder.known_differences.places import LossPlace

EXPLAINED = 1e-6
"""A pair leaves at most this part of the difference: less than a single entry may leave, since
there are hundreds of pairs, one of which could be near by chance."""


def two_in_the_loss(places: Sequence[LossPlace]) -> tuple[Entry, Entry] | None:
    """Return a mistake in the data loss and one in the penalty that make the port's loss.

    `places` are those of the whole loss, in a few steps.
    """
    if not places or not all(place.theirs.penalty for place in places):
        return None
    losses = _of_all(places, "data loss")
    penalties = _of_all(places, "penalty")
    left = {
        (one, other): max(
            abs(loss + penalty - float(place.ours["loss"])) / _apart(place)
            for place, loss, penalty in zip(places, losses[one], penalties[other], strict=True)
        )
        for one in losses
        for other in penalties
    }
    nearest = min(left, key=lambda pair: left[pair], default=None)
    return nearest if nearest is not None and left[nearest] <= EXPLAINED else None


def _of_all(places: Sequence[LossPlace], part: str) -> dict[Entry, list[float]]:
    """Return what each entry makes of a part of the loss, if it speaks of it in all places."""
    found = {}
    for entry in entries_on("loss"):
        shown = [_shown(entry, place) for place in places]
        if all(part in each for each in shown):
            found[entry] = [float(each[part]) for each in shown]
    return found


def _shown(entry: Entry, place: LossPlace) -> Mapping[str, Any]:
    try:
        variant = entry.variant(place)
    except Exception:  # as everywhere, a variant may fail in a model that it was not made for
        return {}
    return variant if isinstance(variant, Mapping) else {}


def _apart(place: LossPlace) -> float:
    return max(abs(float(place.ours["loss"]) - float(place.theirs.loss or 0.0)), 1e-300)
