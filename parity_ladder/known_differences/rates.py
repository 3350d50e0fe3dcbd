"""What the entries about learning rates share."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

from keras.optimizers.schedules import LearningRateSchedule

from parity_ladder.errors import LadderError
from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import RatePlace

SOURCE = "keras/src/optimizers/schedules/learning_rate_schedule.py; torch/optim/lr_scheduler.py"
_ROUNDED = 1e-6
"""Relative: Keras computes rates in float32."""
_EARLIER = 8
"""The number of earlier updates, at most, whose rates a mistake must explain, too."""

Rate = Callable[[RatePlace], float | None]


def known_rate(name: str, source: str = SOURCE) -> Callable[[Rate], Rate]:
    """Add the decorated function to the catalogue; it returns the port's rate of an update.

    It is left out where it contradicts the rates that the port had before.
    """

    def enter(rate: Rate) -> Rate:
        @wraps(rate)
        def variant(place: RatePlace) -> float | None:
            is_possible = all(
                _agrees(rate, place, update)
                for update in range(max(0, place.state.iteration - _EARLIER), place.state.iteration)
            )
            return rate(place) if is_possible else None

        return known(name, rung="learning rate", area="schedules", source=source)(variant)

    return enter


def schedule_of(place: RatePlace) -> Any:
    """Return Keras' schedule; None for a constant rate."""
    rate: Any = place.optimizer._learning_rate
    return rate if isinstance(rate, LearningRateSchedule) else None


def has_scheduler(place: RatePlace) -> bool:
    """Return whether the port has a scheduler."""
    return bool(place.port._borrowed.schedulers)


def _agrees(rate: Rate, place: RatePlace, update: int) -> bool:
    """Return whether the port had the rate of a mistake in an earlier update, if both are known."""
    expected = rate(replace(place, state=replace(place.state, iteration=update)))
    try:
        groups, _ = place.port._borrowed.settings_after(update)
    except LadderError:  # the climb began later
        return True
    return expected is None or math.isclose(expected, groups[0]["lr"], rel_tol=_ROUNDED)
