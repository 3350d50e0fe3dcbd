"""Known differences in schedules of the learning rate: when they are stepped, and from where."""

import inspect
from typing import Any

from keras.optimizers import schedules

from parity_ladder.known_differences.places import RatePlace
from parity_ladder.known_differences.rates import has_scheduler, known_rate, schedule_of


def _first_rate(place: RatePlace) -> float:
    """Return the rate that the port's optimizer was made with."""
    group = place.ports_optimizer.param_groups[0]
    return float(group.get("initial_lr", group["lr"]))


def _default_rate(place: RatePlace) -> float | None:
    """Return the rate that the class of the port's optimizer has by default."""
    parameter = inspect.signature(type(place.ports_optimizer)).parameters.get("lr")
    return parameter.default if parameter and isinstance(parameter.default, float) else None


@known_rate(
    "PyTorch's default rate",
    source="torch/optim/, keras/src/optimizers/: the defaults of each class",
)
def default_rate(place: RatePlace) -> Any:
    """The port was given no learning rate, and the default of its class is another than Keras'.

    RMSprop and Adagrad have 0.01 in PyTorch and 0.001 in Keras, SGD 0.001 and 0.01, Adadelta 1.0
    and 0.001. Write the rate out.
    """
    default = _default_rate(place)
    is_default = default == _first_rate(place) and not has_scheduler(place)
    return default if is_default and schedule_of(place) is None else None


@known_rate("another constant rate")
def another_rate(place: RatePlace) -> Any:
    """The port's learning rate is constant, as in Keras, but another number.

    Give the optimizer the `learning_rate` of the Keras model.
    """
    rate = _first_rate(place)
    if schedule_of(place) is not None or has_scheduler(place) or rate == _default_rate(place):
        return None
    return rate


@known_rate("a constant rate for a schedule")
def constant_rate(place: RatePlace) -> Any:
    """The port's learning rate stays the same, where Keras has a schedule.

    Take the schedule of the same name from `keras_for_torch`, for example
    `KerasScheduler(optimizer, CosineDecay(1e-3, decay_steps=10_000))`, and call `scheduler.step()`
    after every batch.
    """
    is_constant = schedule_of(place) is not None and not has_scheduler(place)
    return _first_rate(place) if is_constant else None


@known_rate("a schedule by epochs")
def by_epochs(place: RatePlace) -> Any:
    """The port steps its scheduler once an epoch; Keras' schedules count updates.

    Call `scheduler.step()` after every batch.
    """
    schedule = schedule_of(place)
    if schedule is None or not has_scheduler(place):
        return None
    return float(schedule(place.state.iteration // place.steps_per_epoch))


@known_rate("a schedule one update ahead")
def one_ahead(place: RatePlace) -> Any:
    """The port's scheduler is one update ahead: the first update has the rate of the second.

    Call `scheduler.step()` after `optimizer.step()`, and not once more before the first batch.
    """
    schedule = schedule_of(place)
    if schedule is None or isinstance(schedule, schedules.PiecewiseConstantDecay):
        return None  # there, the boundaries are meant differently, with the same result
    return float(schedule(place.state.iteration + 1))


@known_rate("a schedule one update behind")
def one_behind(place: RatePlace) -> Any:
    """The port's scheduler is one update behind: the second update has the rate of the first.

    Keras' rate of an update is that of the number of updates before it, from 0. Call
    `scheduler.step()` after every batch, the first one too.
    """
    schedule = schedule_of(place)
    if schedule is None or place.state.iteration == 0:
        return None
    return float(schedule(place.state.iteration - 1))


@known_rate("a rate taken for a factor")
def rate_for_a_factor(place: RatePlace) -> Any:
    """The port's `LambdaLR` multiplies the optimizer's rate by the schedule's rate.

    What its function returns is a factor. Give the optimizer `lr=1.0`, or take
    `keras_for_torch.KerasScheduler`, whose functions return rates.
    """
    schedule, first = schedule_of(place), _first_rate(place)
    if schedule is None or not has_scheduler(place) or first == 1.0:
        return None
    return first * float(schedule(place.state.iteration))


@known_rate("a schedule from another rate")
def from_another_rate(place: RatePlace) -> Any:
    """The port's scheduler has Keras' shape, but begins at another rate.

    PyTorch's schedulers begin at the optimizer's `lr`: give it the schedule's
    `initial_learning_rate`.
    """
    schedule, first = schedule_of(place), _first_rate(place)
    start = getattr(schedule, "initial_learning_rate", None)
    if not start or not has_scheduler(place) or first == start:
        return None
    return float(schedule(place.state.iteration)) * first / float(start)
