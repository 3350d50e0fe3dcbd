"""Why a port differs, found place by place.

At the first difference, each entry of the catalogue computes what a port with its mistake would
show there, from what the reference shows up to there. The entry whose values are the port's own is
the cause. Then the port gets the reference's values at this place, and the search goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from parity_ladder.judging import FirstDifference, Judge
from parity_ladder.known_differences.catalogue import Entry, entries_on
from parity_ladder.known_differences.explaining import EXPLAINED, Seen, left_by
from parity_ladder.known_differences.finding_places import metrics_place, place_of
from parity_ladder.known_differences.loss_pairs import two_in_the_loss
from parity_ladder.result import Cause
from parity_ladder.rounding import RoundingTwin
from parity_ladder.rungs import EPOCH_METRICS, IN_A_STEP, Forced, LookingRung
from parity_ladder.side import Arrays, Step, take_step
from parity_ladder.tolerances import Precision

if TYPE_CHECKING:
    from parity_ladder.keras_side import KerasSide
    from parity_ladder.torch_side import TorchSide

MOST_PLACES = 12
"""The number of places, at most, that are looked at in one port. Those of a mistake that was found
at another place already do not count: one in all layers of a kind has as many places."""
MOST_REPETITIONS = 60
_UPDATE = ("optimizer state", "updated weights")
_LOSSES = ("data loss", "penalty", "loss")


@dataclass
class Search:
    """What is known of a port so far."""

    port: "TorchSide"
    reference: "KerasSide"
    precision: Precision
    forced: Sequence[Forced[Any]]
    """A few steps of the reference, from the first difference on."""
    steps_per_epoch: int
    skipped: set[tuple[str, str | None]] = field(default_factory=set)
    """Rungs, or single arrays of a rung, on which a difference is explained or given up."""

    def causes(self, first: FirstDifference, epoch: Sequence[Step]) -> list[Cause]:
        """Return the causes in the order of the ladder; a place without one has none."""
        if first.rung.name == "epoch metrics":
            return self._of_metrics(first, epoch)
        if not self.forced:
            return []
        found: list[Cause] = []
        current: FirstDifference | None = first
        places = repetitions = 0
        while current is not None and places < MOST_PLACES and repetitions < MOST_REPETITIONS:
            entry, arrays = self._found_before(current, found)
            if entry is None:
                entry, arrays = self._entry_at(current)
                places += 1
            else:
                repetitions += 1
            entries = [entry] if entry is not None else self._two_at(current)
            self._go_behind(current, arrays)
            following = self._behind(current)
            leaves = None if following is None else str(following)
            found += [Cause(name=e.name, sentence=e.sentence, leaves=leaves) for e in entries]
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
                *(_UPDATE if rung in _UPDATE else _LOSSES if rung in _LOSSES else (rung,))
            )
        }
        for entry in entries.values():
            distances = [
                left_by(entry, first.array, each, is_first=each is seen[at]) for each in seen
            ]
            known = [each for each in distances if each is not None]
            if known and distances[at] is not None:
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

    def _seen(self, first: FirstDifference, forced: Forced[Any]) -> "Seen":
        """Return what there is to see of a difference in one step."""
        rung, array = first.rung.name, first.array
        ours = self._show(first.rung, forced)
        try:
            place = place_of(
                rung, array, self.port, self.reference, forced, ours, self.steps_per_epoch
            )
        except (LookupError, StopIteration):  # a side does not show what belongs to this place
            place = None
        return Seen(place, ours, cache(lambda: self._theirs(rung, forced)))

    def _show(self, rung: Any, forced: Forced[Any]) -> Arrays:
        """Return what the port shows on a rung; on both rungs of the update for one of these."""
        if not isinstance(rung, LookingRung):
            return {}
        if rung.name == "parameter counts and shapes":
            return {}
        if rung.when == "before the first step":
            return rung.show(self.port) or {}
        step = take_step(self.port, forced.state, forced.batch)
        if rung.name in _UPDATE:
            arrays = {**step.state.optimizer, **step.state.weights}
            return {n: a for n, a in arrays.items() if (rung.name, n) not in self.skipped}
        return rung.show(self.port, forced, step) or {}

    def _theirs(self, rung: str, forced: Forced[Any]) -> Arrays:
        if rung == "initial optimizer state":
            return self.reference.optimizer_before_training() or {}
        if rung in _UPDATE:
            return {**forced.step.state.optimizer, **forced.step.state.weights}
        looking = next(each for each in IN_A_STEP if each.name == rung)
        return looking.show(self.reference, forced, forced.step) or {}

    def _go_behind(self, first: FirstDifference, explained: frozenset[str]) -> None:
        """Give the port the reference's values at this place, so that it can be looked behind.

        A mistake in the order of layers explains the outputs of several.
        """
        from parity_ladder.torch_side.given import Given

        rung, array = first.rung.name, first.array
        given = self.port.gets or Given(self.reference)
        if rung == "layer outputs":
            arrays = explained | {array}
            self.skipped |= {(rung, each) for each in arrays}
            given = replace(given, layers=given.layers | arrays, gradients=True)
        elif rung in _LOSSES:
            self.skipped |= {(name, None) for name in _LOSSES}
            given = replace(given, gradients=True)
        elif rung == "gradients":
            self.skipped.add((rung, None))
            given = replace(given, gradients=True)
        elif rung == "clipped gradients":
            self.skipped.add((rung, None))
            given = replace(given, gradients=True, clipped=True)
        elif rung == "learning rate":
            self.skipped.add((rung, None))
            given = replace(given, rate=True)
        elif rung in _UPDATE:
            self.skipped |= self._behind_an_update(explained)
        elif rung == "statistics":  # which are among the weights after the update, too
            self.skipped |= {(rung, array), ("updated weights", array)}
        else:
            self.skipped.add((rung, array))
        self.port = self.port.given(given)

    def _behind_an_update(self, explained: frozenset[str]) -> set[tuple[str, str | None]]:
        """Return what is explained of an update: all of the variables that the entry speaks of.

        The others may differ for another reason. Without an entry, none is looked for.
        """
        variables = self.reference.variables.keys()
        of = {name if name in variables else name.partition("/")[2] for name in explained}
        if not of or not of <= variables:
            return {(name, None) for name in _UPDATE}
        arrays = self._theirs(_UPDATE[0], self.forced[0])
        return {
            (rung, name)
            for rung in _UPDATE
            for name in arrays
            if name in of or name.partition("/")[2] in of
        }

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
        twin = self.reference.rounding_twin()
        for forced in self.forced:
            step = take_step(self.port, forced.state, forced.batch)
            rounding = RoundingTwin(twin, forced)
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
                    theirs: Any = theirs,
                    rounding: RoundingTwin[Any] = rounding,
                ) -> bool:
                    return rounding.explains(rung, theirs, array, absolute)

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

    our_epoch: Sequence[Step] = ()
    """The port's teacher-forced steps of the epoch, for its metrics."""


def _each_once(causes: Sequence[Cause]) -> list[Cause]:
    """Return each cause once; what it leaves is what its last mention leaves."""
    latest = {cause.name: cause for cause in causes}
    return [latest[name] for name in dict.fromkeys(cause.name for cause in causes)]
