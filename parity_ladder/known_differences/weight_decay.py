"""Known differences in weight decay."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import optim

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import Array, LossPlace, Place, UpdatePlace
from parity_ladder.known_differences.port_settings import decoupled_decays
from parity_ladder.known_differences.replaying import decays, updated
from parity_ladder.torch_side.decay import coupled_rates, decay_penalty

_KERAS = "keras/src/optimizers/base_optimizer.py, keras/src/backend/tensorflow/optimizer.py"


def _rates(place: Place) -> dict[str, float]:
    """Return the rate of Keras' weight decay for each trained variable; 0 for none."""
    rate = float(getattr(place.optimizer, "weight_decay", None) or 0.0)
    trained = place.theirs.gradients or {}
    return {name: rate if decays(place, name) else 0.0 for name in trained}


def _kind(place: Place) -> str:
    """Return how the port's decoupled decay differs from Keras'; empty if it does not.

    A port with `torch.optim.AdamW` differs in its epsilon, too, and has an entry of its own.
    """
    theirs, ours = _rates(place), decoupled_decays(place)
    differing = [name for name, rate in theirs.items() if rate != ours[name]]
    rates = coupled_rates(place.port.module, place.ports_optimizer)
    is_coupled = any(rates.values()) and not any(ours.values())
    if not differing or is_coupled or isinstance(place.ports_optimizer, optim.AdamW):
        return ""
    if not any(ours[name] for name in theirs):
        return "left out"
    if not any(theirs.values()):
        return "added"
    if not any(theirs[name] for name in differing):
        return "of more variables"
    if not any(ours[name] for name in differing):
        return "of fewer variables"
    return "another"


def _with_decay(
    place: UpdatePlace, decay: Callable[[str, Array, Array], Array]
) -> dict[str, Array] | None:
    """Return the weights with another decay, made of name, weights and increment."""
    without = updated(place, weight_decay=0.0, constrained=False)
    found = {}
    for name in place.gradients:
        weights = place.state.weights[name]
        increment = without[name] - weights
        found[name] = weights + increment - decay(name, weights, increment)
    return found


def _with_the_ports_rates(place: UpdatePlace, kind: str) -> dict[str, Array] | None:
    if _kind(place) != kind:
        return None
    rates: Mapping[str, float] = decoupled_decays(place)
    return _with_decay(place, lambda name, weights, _: weights * rates[name] * place.rate)


@known(
    "weight decay left out",
    rung="updated weights",
    area="optimizers",
    source=f"{_KERAS}; torch/optim/adamw.py",
)
def left_out(place: UpdatePlace) -> Any:
    """The port's weights do not decay, where Keras' optimizer has `weight_decay=`.

    Give an optimizer of `keras_for_torch` the same number as `decoupled_weight_decay=`, or
    `KerasAdamW` as `weight_decay=`.
    """
    return _with_the_ports_rates(place, "left out")


@known(
    "weight decay added",
    rung="updated weights",
    area="optimizers",
    source=f"{_KERAS}; torch/optim/adamw.py",
)
def added(place: UpdatePlace) -> Any:
    """The port's weights decay, where Keras' optimizer has no `weight_decay=`.

    Set it to 0.
    """
    return _with_the_ports_rates(place, "added")


@known(
    "another weight decay",
    rung="updated weights",
    area="optimizers",
    source=f"{_KERAS}; torch/optim/adamw.py",
)
def another(place: UpdatePlace) -> Any:
    """The port's weights decay at another rate than Keras'.

    The default is 0.004 in Keras' AdamW and 0.01 in PyTorch's. Give the optimizer the
    `weight_decay` of the Keras model.
    """
    return _with_the_ports_rates(place, "another")


@known(
    "weight decay of excluded variables",
    rung="updated weights",
    area="optimizers",
    source=f"{_KERAS}; torch/optim/adamw.py",
)
def of_excluded_variables(place: UpdatePlace) -> Any:
    """The port lets variables decay that Keras leaves out by `exclude_from_weight_decay`.

    Give these, often biases and scales, a parameter group of their own with a decay of 0.
    """
    return _with_the_ports_rates(place, "of more variables")


@known(
    "weight decay of some variables only",
    rung="updated weights",
    area="optimizers",
    source=f"{_KERAS}; torch/optim/adamw.py",
)
def of_some_variables_only(place: UpdatePlace) -> Any:
    """The port lets fewer variables decay than Keras, such as kernels alone.

    Keras' weight decay is for all trained variables, biases and scales too, unless
    `exclude_from_weight_decay` was called. Put all parameters into one group.
    """
    return _with_the_ports_rates(place, "of fewer variables")


@known(
    "weight decay without the learning rate",
    rung="updated weights",
    area="optimizers",
    source=_KERAS,
)
def without_the_rate(place: UpdatePlace) -> Any:
    """The port subtracts `weight_decay * weights`; Keras multiplies that by the learning rate.

    Write `parameter.mul_(1 - lr * weight_decay)` before the update.
    """
    rates = _rates(place)
    if not any(rates.values()):
        return None
    return _with_decay(place, lambda name, weights, _: weights * rates[name])


@known(
    "weight decay after the update",
    rung="updated weights",
    area="optimizers",
    source=f"{_KERAS}; torch/optim/adamw.py",
)
def after_the_update(place: UpdatePlace) -> Any:
    """The port lets the weights decay after the optimizer's update; Keras does so before it.

    Write `parameter.mul_(1 - lr * weight_decay)` before `optimizer.step()`.
    """
    rates = _rates(place)
    if not any(rates.values()):
        return None
    return _with_decay(
        place, lambda name, weights, moved: (weights + moved) * rates[name] * place.rate
    )


@known(
    "weight decay coupled to the gradient",
    rung="loss",
    area="optimizers",
    source=f"{_KERAS}; torch/optim/sgd.py, adam.py, rmsprop.py",
)
def coupled(place: LossPlace) -> Any:
    """The port's `weight_decay` is added to the gradient, as that of an L2 penalty.

    So do PyTorch's SGD, Adam, RMSprop and NAdam. Keras' `weight_decay=` is decoupled: it is
    subtracted from the weights, times the rate. Give an optimizer of `keras_for_torch` the same
    number as `decoupled_weight_decay=`. An L2 regularizer of Keras is PyTorch's weight decay.
    """
    weights = place.pairs.to_torch(place.state.weights)
    penalty = decay_penalty(place.port.module, place.ports_optimizer, weights)
    if not penalty or not any(_rates(place).values()) or place.theirs.loss is None:
        return None
    return place.theirs.loss + penalty
