"""Why a port differs, found place by place.

At the first difference, each entry of the catalogue computes what a port with its mistake would
show there, from what the reference shows up to there. The entry whose values are the port's own is
the cause. Then the port gets the reference's values at this place, and the search goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from parity_ladder.judging import FirstDifference, Judge
from parity_ladder.known_differences.behind import (
    LOSSES,
    UPDATE,
    Skipped,
    given_the_references,
    shown_by_keras,
    shown_by_the_port,
)
from parity_ladder.known_differences.catalogue import Entry, entries_on
from parity_ladder.known_differences.explaining import EXPLAINED, Seen, left_by
from parity_ladder.known_differences.finding_places import metrics_place, place_of
from parity_ladder.known_differences.loss_pairs import two_in_the_loss
from parity_ladder.result import Cause
from parity_ladder.rounding import RoundingTwin
from parity_ladder.rungs import BEFORE_TRAINING, EPOCH_METRICS, IN_A_STEP, Forced
from parity_ladder.side import Step, take_step
from parity_ladder.tolerances import Precision

if TYPE_CHECKING:
    from parity_ladder.keras_side import KerasSide
    from parity_ladder.torch_side import TorchSide

MOST_PLACES = 12
"""The number of places, at most, that are looked at in one port. Those of a mistake that was found
at another place already do not count: one in all layers of a kind has as many places."""
MOST_REPETITIONS = 60
NOT_LOOKED_AT = "the steps, which were not looked at; mend this first, and climb again"


@dataclass
class Search:
    """What is known of a port so far."""

    port: "TorchSide"
    reference: "KerasSide"
    precision: Precision
    forced: Sequence[Forced[Any]]
    """A few steps of the reference, from the first difference on."""
    steps_per_epoch: int
    skipped: Skipped = field(default_factory=set)
    """Rungs, or single arrays of a rung, on which a difference is explained or given up."""
    our_epoch: Sequence[Step] = ()
    """The port's teacher-forced steps of the epoch, for its metrics."""

    def causes(self, first: FirstDifference, epoch: Sequence[Step]) -> list[Cause]:
        """Return the causes in the order of the ladder; a place without one has none."""
        if first.rung.name == "epoch metrics":
            return self._of_metrics(first, epoch)
        if not self.forced:
            return []
        found: list[Cause] = []
        current: FirstDifference | None = first
        places = repetitions = 0
        is_behind = False
        while current is not None and places < MOST_PLACES and repetitions < MOST_REPETITIONS:
            entry, arrays = self._found_before(current, found)
            if entry is None:
                entry, arrays = self._entry_at(current)
                places += 1
            else:
                repetitions += 1
            entries = [entry] if entry is not None else self._two_at(current)
            self.port, skipped = given_the_references(
                current, arrays, self.port, self.reference, self.forced
            )
            self.skipped |= skipped
            following = self._behind(current)
            leaves = None if following is None else str(following)
            if current.rung in BEFORE_TRAINING:
                leaves = NOT_LOOKED_AT
            found += [
                Cause(name=e.name, sentence=e.sentence, leaves=leaves, is_behind=is_behind)
                for e in entries
            ]
            is_behind = not entries
            current = following
        return _each_once(found)

    def _found_before(
        self, first: FirstDifference, found: Sequence[Cause]
    ) -> tuple[Entry | None, frozenset[str]]:
        """Return the entry of an earlier cause that explains this difference, too, in one step."""
        names = {cause.name for cause in found}
        entries = [each for each in entries_on(first.rung.name) if each.name in names]
        if not entries:
            return None, frozenset()
        forced = next((f for f in self.forced if f.number == first.step), self.forced[0])
        seen = self._seen(first, forced)
        for entry in entries:
            known = left_by(entry, first.array, seen, is_first=True)
            if known is not None and known[0] <= EXPLAINED:
                return entry, known[1]
        return None, frozenset()

    def _entry_at(self, first: FirstDifference) -> tuple[Entry | None, frozenset[str]]:
        """Return the entry that explains a difference best, with all arrays that it explains.

        None if no entry does.
        """
        rung = first.rung.name
        seen = [self._seen(first, forced) for forced in self.forced]
        numbers = [forced.number for forced in self.forced]
        at = numbers.index(first.step) if first.step in numbers else 0
        left: dict[str, float] = {}
        explained: dict[str, frozenset[str]] = {}
        entries = {
            e.name: e
            for e in entries_on(
                *(UPDATE if rung in UPDATE else LOSSES if rung in LOSSES else (rung,))
            )
        }
        for entry in entries.values():
            here = left_by(entry, first.array, seen[at], is_first=True)
            if here is None or not here[0] <= EXPLAINED:
                continue  # most entries: what they leave of the other steps is not computed
            elsewhere = (
                left_by(entry, first.array, each, is_first=False)
                for each in seen
                if each is not seen[at]
            )
            known = [here, *(each for each in elsewhere if each is not None)]
            left[entry.name] = max(distance for distance, _ in known)
            explained[entry.name] = frozenset().union(*(arrays for _, arrays in known))
        near = {name: distance for name, distance in left.items() if distance <= EXPLAINED}
        if not near:
            return None, frozenset()
        nearest = min(near, key=lambda name: near[name])
        return entries[nearest], explained[nearest]

    def _two_at(self, first: FirstDifference) -> Sequence[Entry]:
        """Return the two entries that together explain a difference in the whole loss, if any."""
        if first.rung.name != "loss":
            return ()
        places = [self._seen(first, forced).place for forced in self.forced]
        return two_in_the_loss([place for place in places if place is not None]) or ()

    def _seen(self, first: FirstDifference, forced: Forced[Any]) -> Seen:
        """Return what there is to see of a difference in one step."""
        rung, array = first.rung.name, first.array
        ours = shown_by_the_port(self.port, first.rung, forced)
        if rung in UPDATE:
            ours = {n: a for n, a in ours.items() if (rung, n) not in self.skipped}
        try:
            place = place_of(
                rung, array, self.port, self.reference, forced, ours, self.steps_per_epoch
            )
        except (LookupError, StopIteration):  # a side does not show what belongs to this place
            place = None
        return Seen(place, ours, cache(lambda: shown_by_keras(self.reference, rung, forced)))

    def _behind(self, first: FirstDifference) -> FirstDifference | None:
        """Return the next difference; None if there is none that can be seen.

        A port whose layers have other shapes may fail on the values that it was given.
        """
        if first.step is None:
            return None
        try:
            return self._next_difference()
        except RuntimeError:
            return None

    def _next_difference(self) -> FirstDifference | None:
        """Return the first difference that is not skipped, in a few steps."""
        if self.port.gets is not None and self.port.gets.layers:
            self.port.meet(self.reference, self.forced[0].state, self.forced[0].batch)
        judge = Judge(self.precision, lambda _: None)
        twins = self.reference.rounding_twins()
        for forced in self.forced:
            step = take_step(self.port, forced.state, forced.batch)
            rounding = RoundingTwin(twins, forced)
            for rung in IN_A_STEP:
                if (rung.name, None) in self.skipped:
                    continue
                ours = rung.show(self.port, forced, step)
                theirs = rung.show(self.reference, forced, forced.step)
                left_out = {
                    **self.reference.not_compared(rung.name),
                    **self.port.not_compared(rung.name),
                    **{array: "" for name, array in self.skipped if name == rung.name and array},
                }

                def explained(
                    array: str,
                    absolute: float,
                    rung: Any = rung,
                    step: Step = step,
                    theirs: Any = theirs,
                    rounding: RoundingTwin[Any] = rounding,
                ) -> bool:
                    return rounding.explains(rung, step, theirs, array, absolute)

                if judge.compare(rung, forced.number, ours, theirs, left_out, explained):
                    return judge.first_difference
        return None

    def _of_metrics(self, first: FirstDifference, epoch: Sequence[Step]) -> list[Cause]:
        ours = EPOCH_METRICS.show(self.port, self.our_epoch) or {}
        place = metrics_place(first.array, self.reference, epoch, ours)
        theirs = {name: np.array(value) for name, value in place.theirs.items()}
        if first.array not in ours or first.array not in theirs:
            return []
        seen = Seen(place, ours, lambda: theirs)
        near = []
        for entry in entries_on("epoch metrics"):
            known = left_by(entry, first.array, seen, is_first=True)
            if known is not None and known[0] <= EXPLAINED:
                near.append((known[0], Cause(name=entry.name, sentence=entry.sentence)))
        return [min(near, key=lambda each: each[0])[1]] if near else []


def _each_once(causes: Sequence[Cause]) -> list[Cause]:
    """Return each cause once, at its first mention; what it leaves is what its last one leaves."""
    latest = {cause.name: cause.leaves for cause in causes}
    first = {cause.name: cause for cause in reversed(causes)}
    return [
        first[name].model_copy(update={"leaves": latest[name]})
        for name in dict.fromkeys(cause.name for cause in causes)
    ]
