"""Why a port differs: the known differences that make a sound port behave as the examined one does.

A candidate is the sound port with some known differences planted in it. It explains the rung that
failed if it agrees there with the examined port, whatever other mistakes show on later rungs. Those
are then looked for in turn, with the first one planted as well. If no single known difference
explains a rung, pairs of those that show on it are tried.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Generic, NamedTuple

import numpy as np
from tqdm import tqdm

from parity_ladder.catalogue import Catalogue
from parity_ladder.judging import FirstDifference
from parity_ladder.result import Cause
from parity_ladder.rungs import (
    BEFORE_TRAINING,
    EPOCH_METRICS,
    IN_A_STEP,
    RUNGS,
    TRAJECTORY,
    Forced,
    LookingRung,
    Shown,
)
from parity_ladder.side import B, Side, Step, take_step
from parity_ladder.tolerances import Precision

LOOKED_AT = 3
"""The number of steps to compare. In one step, a late and a per-epoch schedule look alike."""
CLEARLY_NEARER = 10
"""A candidate explains a rung if it leaves at most one tenth of the difference there."""
_PLACES = {rung.name: place for place, rung in enumerate(RUNGS)}


class _Look(NamedTuple):
    """What a side showed on one rung."""

    rung: LookingRung[Any]
    step: int | None
    shown: Shown | None


class _Candidate(NamedTuple):
    """The sound port with some known differences, and its distance from the examined port."""

    names: tuple[str, ...]
    worst: Mapping[str, float]
    """By rung: the largest relative difference between candidate and examined port."""
    left: FirstDifference | None
    """The first difference between the two; None if they agree."""

    def distance_on(self, rung: str) -> float:
        """Return the largest relative difference; infinity on a rung that was not compared."""
        return self.worst.get(rung, math.inf)


class Diagnosis(Generic[B]):
    """Looks for the causes of a first difference, without any further step of the reference.

    `forced` are the reference's steps in which candidates are compared: a few, from the first
    difference on. `epoch` are all its steps, for a first difference in the epoch metrics.
    """

    def __init__(
        self,
        port: Side[B],
        catalogue: Catalogue[B],
        precision: Precision,
        first: FirstDifference,
        forced: Sequence[Forced[B]],
        epoch: Sequence[Step],
    ) -> None:
        self._catalogue, self._precision = catalogue, precision
        self._first, self._forced, self._epoch = first, forced, epoch
        self._raised = ""
        self._ours: list[_Look] = []
        self._known: dict[tuple[str, ...], _Candidate | None] = {}

        # A port with wrong shapes may raise in every step, another one in the second step only.
        for attempt in (forced, forced[:1], ()):
            self._forced = attempt
            try:
                self._ours = list(self._looks(port))
                break
            except Exception as error:  # a port may fail in any way
                self._raised = f"the port's step raises {type(error).__name__}: {error}"

    def causes(self, *, show_progress: bool | None = None) -> tuple[Cause, ...]:
        """Return the causes, the best explanation first; none if no known difference explains it.

        Each cause is planted together with those before it, and says what difference is then left.
        Several causes that leave nothing are alternatives.
        """
        if self._first.rung is TRAJECTORY:  # every single step agreed
            return ()
        if not self._ours:  # the port raises wherever it is looked at
            return ()

        causes: list[Cause] = []
        planted: tuple[str, ...] = ()
        left: FirstDifference | None = self._first
        disable = None if show_progress is None else not show_progress
        with tqdm(desc="causes tried", leave=False, unit="", disable=disable) as bar:
            while left is not None:
                near = self._explanations(planted, left.rung.name, bar)
                if not near:
                    break
                best, *others = near
                causes += self._new_causes(best, planted, left.rung.name)
                if best.left is None and len(best.names) == 1:
                    alternatives = [each for each in others if each.left is None]
                    causes += [self._cause(each.names[0], None) for each in alternatives]
                planted, left = best.names, best.left
        return tuple(causes)

    def _explanations(
        self, planted: tuple[str, ...], rung: str, bar: "tqdm[Any]"
    ) -> list[_Candidate]:
        """Return the candidates that explain a rung, the best first.

        Each has all that is `planted` already, and something new. Tried first are the differences
        that are known to show on this rung, one by one, then pairs of them, then the differences
        that are known to show on lower rungs: in another experiment they may show later.
        """
        before = self._tried(planted)
        distance = math.inf if before is None else before.distance_on(rung)

        new = {n: e.rung for n, e in self._catalogue.entries.items() if n not in planted}
        on_this_rung = [name for name, shown in new.items() if shown == rung]
        below = [name for name, shown in new.items() if _PLACES[shown] < _PLACES[rung]]
        rounds: tuple[Iterable[tuple[str, ...]], ...] = (
            ((name,) for name in on_this_rung),
            combinations(on_this_rung, 2),
            ((name,) for name in below),
        )
        for additions in rounds:
            near = []
            for names in additions:
                candidate = self._tried((*names, *planted))
                bar.update()
                if candidate is not None and _is_nearer(candidate.distance_on(rung), distance):
                    near.append(candidate)
            if near:
                return sorted(near, key=lambda each: (-_place(each.left), each.distance_on(rung)))
        return []

    def _new_causes(self, best: _Candidate, planted: tuple[str, ...], rung: str) -> list[Cause]:
        """Return a cause for each name of the best candidate that was not planted before.

        Of a pair, the one that alone leaves the smaller difference comes first. What it leaves is
        explained by the second one.
        """
        new = [name for name in best.names if name not in planted]
        alone = {name: self._tried((name, *planted)) for name in new}
        new.sort(key=lambda n: math.inf if (each := alone[n]) is None else each.distance_on(rung))

        causes = [self._cause(new[-1], best.left)]
        for name in new[:-1]:
            each = alone[name]
            causes.insert(0, self._cause(name, self._first if each is None else each.left))
        return causes

    def _cause(self, name: str, left: FirstDifference | None) -> Cause:
        sentence = self._catalogue.entries[name].sentence
        leaves = self._raised if left is None else str(left)
        return Cause(name=name, sentence=sentence, leaves=leaves or None)

    def _tried(self, names: tuple[str, ...]) -> _Candidate | None:
        """Return the candidate with these names, measured once; None if it raises."""
        if names not in self._known:
            try:
                theirs = list(self._looks(self._catalogue.port_with(names)))
            except Exception:  # a planted fault may break a network in any way
                self._known[names] = None
            else:
                self._known[names] = self._measured(names, theirs)
        return self._known[names]

    def _measured(self, names: tuple[str, ...], theirs: Sequence[_Look]) -> _Candidate:
        """Compare what the examined port and a candidate showed, rung by rung."""
        worst: dict[str, float] = {}
        left: FirstDifference | None = None
        for (rung, step, mine), (_, _, other) in zip(self._ours, theirs, strict=True):
            is_first = rung is self._first.rung
            worst.setdefault(rung.name, 0.0)
            if mine is None or other is None:
                if is_first:  # nothing is compared there, so nothing is explained
                    worst[rung.name] = math.inf
                continue

            # On the rung that failed, what is left must be clearly less than the failure, too.
            allowed = rung.tolerance.of(self._precision)
            if is_first:
                allowed = min(allowed, self._first.difference.relative / CLEARLY_NEARER)
            for array, difference in rung.differences(_as_numbers(mine), _as_numbers(other)):
                worst[rung.name] = max(worst[rung.name], difference.relative)
                if difference.relative > allowed:
                    left = left or FirstDifference(rung, step, array, difference)
        return _Candidate(names, worst, left)

    def _looks(self, side: Side[B]) -> Iterator[_Look]:
        """Yield what a side shows on the rung of the first difference and on those above it."""
        first = _PLACES[self._first.rung.name]
        for before in BEFORE_TRAINING:
            if _PLACES[before.name] >= first:
                yield _Look(before, None, before.show(side))

        if self._first.rung is EPOCH_METRICS:
            yield _Look(EPOCH_METRICS, None, EPOCH_METRICS.show(side, self._epoch))
            return
        for forced in self._forced:
            step = take_step(side, forced.state, forced.batch)
            for rung in IN_A_STEP:
                if _PLACES[rung.name] >= first:
                    yield _Look(rung, forced.number, rung.show(side, forced, step))
        if self._forced:
            # Both sides report the reference's steps, so that only a mistake in reporting shows.
            steps = [forced.step for forced in self._forced]
            yield _Look(EPOCH_METRICS, None, EPOCH_METRICS.show(side, steps))


def _is_nearer(left: float, distance: float) -> bool:
    """Return whether what is left is clearly less than the distance without the candidate."""
    return math.isfinite(left) and left < distance and left <= distance / CLEARLY_NEARER


def _place(left: FirstDifference | None) -> int:
    """Return how far up the first difference is; nothing left counts as the highest place."""
    return len(RUNGS) if left is None else _PLACES[left.rung.name]


def _as_numbers(shown: Shown) -> Shown:
    """Replace NaN and infinity by numbers: here two ports with the same NaN agree."""
    return {
        name: np.nan_to_num(value, nan=math.pi, posinf=math.e, neginf=-math.e)
        if isinstance(value, np.ndarray) and value.dtype.kind == "f"
        else value
        for name, value in shown.items()
    }
