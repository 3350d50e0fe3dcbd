"""Why a port parts from the reference: the known differences that, planted, agree with it.

A cause is judged on the rung that failed. A known difference that brings the sound port to where
the examined port is on that rung explains it, whatever other mistakes show further up; those are
looked for in turn, with the first one planted. Where no single one does, those that show on the
same rung are tried in pairs.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Generic, NamedTuple, Protocol

import numpy as np
from tqdm import tqdm

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
from parity_ladder.side import B, Side
from parity_ladder.tolerances import Precision

LOOKED_AT = 3
"""Steps from the first difference on: by one step, late and per-epoch schedules look alike."""
CLEARLY_NEARER = 10
"""Times. A known difference explains a rung, or a part of it, where it leaves a tenth at most."""
_PLACES = {rung.name: place for place, rung in enumerate(RUNGS)}


class KnownDifference(Protocol):
    """What a person reads of a known difference between two frameworks."""

    @property
    def rung(self) -> str:
        """Name of the rung where it shows first."""

    @property
    def sentence(self) -> str:
        """What the difference is."""


class Catalogue(Protocol[B]):
    """Known differences that can be planted in a sound port."""

    @property
    def entries(self) -> Mapping[str, KnownDifference]:
        """The known differences by name."""

    def port_with(self, names: Sequence[str]) -> Side[B]:
        """Return the sound port with these planted; what raises, here or in a step, is no cause."""


class _Look(NamedTuple):
    """What a side showed on one rung."""

    rung: LookingRung[Any]
    step: int | None
    shown: Shown | None


class _Candidate(NamedTuple):
    """The sound port with some known differences, and how far it is from the examined port."""

    names: tuple[str, ...]
    worst: Mapping[str, float]
    """By rung: the largest relative difference that is left."""
    left: FirstDifference | None
    """The first difference that is left; None where nothing is."""


class Diagnosis(Generic[B]):
    """Looks for the causes of a first difference. It takes no further step of the reference.

    `forced` are the reference's steps to look at: some from the first difference on, or, where
    that is the epoch's metrics, all of them.
    """

    def __init__(
        self,
        port: Side[B],
        catalogue: Catalogue[B],
        precision: Precision,
        first: FirstDifference,
        forced: Sequence[Forced[B]],
    ) -> None:
        self._catalogue, self._precision = catalogue, precision
        self._first, self._forced = first, forced
        self._raised = ""
        try:
            self._ours = list(self._looks(port))
        except Exception as error:  # as a port of wrong shapes may, in its step
            self._raised = f"the port's step raises {type(error).__name__}: {error}"
            self._forced = ()
            self._ours = list(self._looks(port))
        self._known: dict[tuple[str, ...], _Candidate | None] = {}

    def causes(self, *, show_progress: bool | None = None) -> tuple[Cause, ...]:
        """Return the causes, best explanation first; none where no known difference explains it.

        Each is planted beside those before it, and says what then is left. Several that leave
        nothing are alternatives.
        """
        if self._first.rung is TRAJECTORY:  # every single step was the same
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
                causes += self._told(best, planted, left.rung.name)
                if best.left is None and len(best.names) == 1:
                    alternatives = [each for each in others if each.left is None]
                    causes += [self._cause(each.names[0], None) for each in alternatives]
                planted, left = best.names, best.left
        return tuple(causes)

    def _explanations(
        self, planted: tuple[str, ...], rung: str, bar: "tqdm[Any]"
    ) -> list[_Candidate]:
        """Return what explains a rung beside what is planted already, the best explanation first.

        First each difference that is known to show there, then these in pairs, then those that are
        known to show below: in another experiment they may show later.
        """
        before = self._tried(planted)
        distance = math.inf if before is None else before.worst[rung]
        new = {n: e.rung for n, e in self._catalogue.entries.items() if n not in planted}
        there = [name for name, shown in new.items() if shown == rung]
        below = [name for name, shown in new.items() if _PLACES[shown] < _PLACES[rung]]
        rounds: tuple[Iterable[tuple[str, ...]], ...] = (
            ((name,) for name in there),
            combinations(there, 2),
            ((name,) for name in below),
        )
        for additions in rounds:
            near = []
            for names in additions:
                candidate = self._tried((*names, *planted))
                bar.update()
                if candidate is not None and _is_nearer(candidate.worst[rung], distance):
                    near.append(candidate)
            if near:
                return sorted(near, key=lambda each: (-_place(each.left), each.worst[rung]))
        return []

    def _told(self, best: _Candidate, planted: tuple[str, ...], rung: str) -> list[Cause]:
        """Return a cause for each name that is new; of two, the one that alone leaves less first.

        The first of two leaves what the second explains.
        """
        new = [name for name in best.names if name not in planted]
        alone = {name: self._tried((name, *planted)) for name in new}
        new.sort(key=lambda n: math.inf if (each := alone[n]) is None else each.worst[rung])
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
        """Return how far the port with these is from the examined one; None where it cannot run."""
        if names not in self._known:
            try:
                theirs = list(self._looks(self._catalogue.port_with(names)))
            except Exception:  # a planted fault may break a network in any way
                self._known[names] = None
            else:
                self._known[names] = self._measured(names, theirs)
        return self._known[names]

    def _measured(self, names: tuple[str, ...], theirs: Sequence[_Look]) -> _Candidate:
        worst: dict[str, float] = {}
        left: FirstDifference | None = None
        for (rung, step, mine), (_, _, other) in zip(self._ours, theirs, strict=True):
            worst.setdefault(rung.name, 0.0)
            if mine is None or other is None:
                continue
            allowed = rung.tolerance.of(self._precision)
            if rung is self._first.rung:
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
        if self._first.rung is not EPOCH_METRICS:
            for forced in self._forced:
                step = side.step(forced.state, forced.batch)
                for rung in IN_A_STEP:
                    if _PLACES[rung.name] >= first:
                        yield _Look(rung, forced.number, rung.show(side, forced, step))
        if self._forced:
            taken = [forced.step for forced in self._forced]  # the reference's: only reports differ
            yield _Look(EPOCH_METRICS, None, EPOCH_METRICS.show(side, taken))


def _is_nearer(left: float, distance: float) -> bool:
    return math.isfinite(left) and left <= distance / CLEARLY_NEARER


def _place(left: FirstDifference | None) -> int:
    """Return how far up the first difference is; nothing left is the highest."""
    return len(RUNGS) if left is None else _PLACES[left.rung.name]


def _as_numbers(shown: Shown) -> Shown:
    """NaN agrees with NaN here, where the question is whether two ports share a fault."""
    return {
        name: np.nan_to_num(value, nan=math.pi, posinf=math.e, neginf=-math.e)
        if isinstance(value, np.ndarray) and value.dtype.kind == "f"
        else value
        for name, value in shown.items()
    }
