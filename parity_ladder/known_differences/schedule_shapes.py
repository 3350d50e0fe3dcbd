"""Known differences in the shape of a schedule of the learning rate."""

import math
from typing import Any

from keras.optimizers import schedules

from parity_ladder.known_differences.places import RatePlace
from parity_ladder.known_differences.rates import known_rate, schedule_of


def _cosine(place: RatePlace) -> Any:
    """Return a cosine decay without warm-up; None for another schedule."""
    schedule = schedule_of(place)
    plain = isinstance(schedule, schedules.CosineDecay) and schedule.warmup_target is None
    return schedule if plain else None


def _changed(place: RatePlace, kind: type, **settings: Any) -> float | None:
    """Return the rate with changed settings; None for another kind or unchanged settings."""
    schedule = schedule_of(place)
    if not isinstance(schedule, kind):
        return None
    before = schedule.get_config()  # type: ignore[attr-defined]
    if all(before[name] == value for name, value in settings.items()):
        return None
    made: Any = type(schedule).from_config(before | settings)  # type: ignore[attr-defined]
    return float(made(place.state.iteration))


def _down(start: float, end: float, fraction: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * fraction)) / 2


@known_rate("cosine rises again")
def cosine_rises_again(place: RatePlace) -> Any:
    """The port's `CosineAnnealingLR` rises again after `T_max` updates.

    Keras' `CosineDecay` stays at its end. Take `keras_for_torch.CosineDecay`.
    """
    schedule, step = _cosine(place), place.state.iteration
    if schedule is None or step <= schedule.decay_steps:
        return None
    start = schedule.initial_learning_rate
    return _down(start, start * schedule.alpha, step / schedule.decay_steps)


@known_rate("alpha taken for a rate")
def alpha_for_a_rate(place: RatePlace) -> Any:
    """The port gives Keras' `alpha` to `CosineAnnealingLR` as `eta_min`, which is a rate.

    Keras' `alpha` is a fraction: give it `eta_min=alpha * initial_learning_rate`.
    """
    schedule = _cosine(place)
    if schedule is None or not schedule.alpha:
        return None
    fraction = min(place.state.iteration, schedule.decay_steps) / schedule.decay_steps
    return _down(schedule.initial_learning_rate, schedule.alpha, fraction)


@known_rate("cosine down to 0")
def cosine_down_to_0(place: RatePlace) -> Any:
    """The port's cosine decay ends at 0, where Keras' `alpha` lets it end above.

    Give `CosineAnnealingLR` `eta_min=alpha * initial_learning_rate`.
    """
    kinds: Any = (schedules.CosineDecay, schedules.CosineDecayRestarts)
    return _changed(place, kinds, alpha=0.0)


@known_rate("warm-up left out")
def warm_up_left_out(place: RatePlace) -> Any:
    """The port's schedule begins its decay at once, where Keras warms up first.

    Keras' rate rises to `warmup_target` in `warmup_steps`, then it decays. Take
    `keras_for_torch.CosineDecay` with both arguments.
    """
    schedule = schedule_of(place)
    if not isinstance(schedule, schedules.CosineDecay) or schedule.warmup_target is None:
        return None
    if place.state.iteration >= schedule.warmup_steps:
        return None
    top = schedule.warmup_target
    return _down(top, top * schedule.alpha, place.state.iteration / schedule.decay_steps)


@known_rate("a decay within the warm-up")
def decay_within_the_warm_up(place: RatePlace) -> Any:
    """The port's cosine decay has begun by the end of its warm-up, `warmup_steps` too far on.

    Keras' `decay_steps` begin when the warm-up ends. Subtract `warmup_steps` from the number of
    updates, or take `keras_for_torch.CosineDecay`.
    """
    schedule, step = schedule_of(place), place.state.iteration
    if not isinstance(schedule, schedules.CosineDecay) or schedule.warmup_target is None:
        return None
    if step < schedule.warmup_steps:
        return None
    top = schedule.warmup_target
    return _down(top, top * schedule.alpha, min(step, schedule.decay_steps) / schedule.decay_steps)


@known_rate("restarts of equal length")
def restarts_of_equal_length(place: RatePlace) -> Any:
    """The port's `CosineAnnealingWarmRestarts` restarts after equally many updates each time.

    Keras' `t_mul` makes each period longer, twice as long by default: give it `T_mult=2`.
    """
    return _changed(place, schedules.CosineDecayRestarts, t_mul=1.0)


@known_rate("restarts at full height")
def restarts_at_full_height(place: RatePlace) -> Any:
    """The port's `CosineAnnealingWarmRestarts` restarts at the first rate each time.

    Keras multiplies it by `m_mul` at each restart. Take `keras_for_torch.CosineDecayRestarts`.
    """
    return _changed(place, schedules.CosineDecayRestarts, m_mul=1.0)


@known_rate("decay_rate at each update")
def decay_rate_at_each_update(place: RatePlace) -> Any:
    """The port's `ExponentialLR` multiplies by `decay_rate` at each update.

    Keras does so once in `decay_steps` updates. Give it `gamma=decay_rate ** (1 / decay_steps)`, or
    take `keras_for_torch.ExponentialDecay`.
    """
    return _changed(place, schedules.ExponentialDecay, decay_steps=1, staircase=False)


@known_rate("staircase left out")
def staircase_left_out(place: RatePlace) -> Any:
    """The port's rate decays at each update, where Keras has `staircase=True`.

    Keras' rate then stays for `decay_steps` updates, as `StepLR`'s does.
    """
    kinds: Any = (schedules.ExponentialDecay, schedules.InverseTimeDecay)
    return _changed(place, kinds, staircase=False)


@known_rate("staircase added")
def staircase_added(place: RatePlace) -> Any:
    """The port's `StepLR` keeps the rate for `step_size` updates, where Keras has no staircase.

    Keras' rate falls at each update: take `ExponentialLR` with
    `gamma=decay_rate ** (1 / decay_steps)`, or `keras_for_torch.ExponentialDecay`.
    """
    kinds: Any = (schedules.ExponentialDecay, schedules.InverseTimeDecay)
    return _changed(place, kinds, staircase=True)


@known_rate("polynomial down to 0")
def polynomial_down_to_0(place: RatePlace) -> Any:
    """The port's `PolynomialLR` ends at 0; Keras' ends at `end_learning_rate`, 0.0001 by default.

    Take `keras_for_torch.PolynomialDecay`.
    """
    return _changed(place, schedules.PolynomialDecay, end_learning_rate=0.0)


@known_rate("polynomial of power 1")
def polynomial_of_power_1(place: RatePlace) -> Any:
    """The port's rate falls along a line, where Keras' `PolynomialDecay` has another power.

    Give it the `power` of the Keras model.
    """
    return _changed(place, schedules.PolynomialDecay, power=1.0)


@known_rate("boundaries one update early")
def boundaries_early(place: RatePlace) -> Any:
    """The port's rate changes when as many updates were made as a boundary says.

    So does `MultiStepLR`. Keras' `PiecewiseConstantDecay` changes it one update later. Add 1 to
    each boundary, or take `keras_for_torch.PiecewiseConstantDecay`.
    """
    schedule = schedule_of(place)
    if not isinstance(schedule, schedules.PiecewiseConstantDecay):
        return None
    return float(schedule(place.state.iteration + 1))
