"""Keras' own update made again, with some of its settings changed.

Most mistakes in an update are another value of one setting. What they lead to is computed by Keras'
own optimizer with that value, on the gradients and the state of the place.
"""

from typing import Any

import keras
import tensorflow as tf

from parity_ladder.keras_side.optimizer_state import slots
from parity_ladder.keras_side.precision import floatx
from parity_ladder.keras_side.randomness import as_array
from parity_ladder.known_differences.places import Array, Place, UpdatePlace

_LEFT_OUT = {
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "use_ema": False,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}
"""Settings that are no part of an update's equation: the gradients of a place are clipped."""


def decays(place: Place, name: str) -> bool:
    """Return whether Keras' optimizer lets the weights of a variable decay."""
    optimizer: Any = place.model.optimizer
    variable = place.reference.variables[name]
    return bool(optimizer.weight_decay) and bool(optimizer._use_weight_decay(variable.value))


def updated(place: UpdatePlace, *, constrained: bool = True, **changed: Any) -> dict[str, Array]:
    """Return what Keras' optimizer keeps, and the weights, after an update with changed settings.

    The names are Keras' arguments, such as `beta_2=0.99`. Without `constrained`, no constraint is
    applied to the weights.
    """
    settings = place.optimizer.get_config() | _LEFT_OUT
    settings |= {"learning_rate": place.rate} | changed
    names = list(place.gradients)
    dtype = place.reference.dtype
    with floatx(dtype):
        optimizer: Any = type(place.optimizer).from_config(settings)
        variables = [
            keras.Variable(place.state.weights[name], dtype=dtype, name=name.replace("/", "_"))
            for name in names
        ]
        kept_out = [v for v, name in zip(variables, names, strict=True) if not decays(place, name)]
        if kept_out and "weight_decay" not in changed:
            optimizer.exclude_from_weight_decay(var_list=kept_out)
        optimizer.build(variables)

        kept = slots(optimizer, {id(v): n for v, n in zip(variables, names, strict=True)})
        for name, slot in kept.items():
            if name in place.state.optimizer:
                slot.assign(place.state.optimizer[name])
        optimizer.iterations.assign(place.state.iteration)
        optimizer.apply([tf.constant(place.gradients[name], dtype) for name in names], variables)

        if constrained:
            for variable, name in zip(variables, names, strict=True):
                constraint = place.reference.variables[name].constraint
                if constraint is not None:
                    variable.assign(constraint(variable))
        weights = {n: as_array(v) for v, n in zip(variables, names, strict=True)}
        return {name: as_array(slot) for name, slot in kept.items()} | weights


def only(arrays: dict[str, Array], slot: str) -> dict[str, Array]:
    """Return the arrays of one slot, such as those named `velocity/...`."""
    return {name: array for name, array in arrays.items() if name.partition("/")[0] == slot}


def weights_of(place: UpdatePlace, arrays: dict[str, Array]) -> dict[str, Array]:
    """Return the weights among the arrays of an update."""
    return {name: arrays[name] for name in place.gradients}


def decayed(place: UpdatePlace, name: str) -> Array:
    """Return a variable's weights after Keras' weight decay, to which the increment is added."""
    weights = place.state.weights[name]
    if not decays(place, name):
        return weights
    optimizer: Any = place.optimizer
    return weights * (1.0 - float(optimizer.weight_decay) * place.rate)
