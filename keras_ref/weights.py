"""Copy weights and optimizer state between a Keras model and the neutral form."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cnn_experiment.errors import UserError
from cnn_experiment.settings.optimizers import SCALARS
from cnn_experiment.variables import Variables, must_match

_SLOTS = ("velocity", "momentum", "norm")
_LEFT_OUT = ("iteration", "learning_rate")


def neutral_weights(model: keras.Model) -> dict[str, NDArray[Any]]:
    """Return copies of the model's weights under their neutral names."""
    return {
        name: keras.ops.convert_to_numpy(variable).copy()
        for name, variable in _variables(model).items()
    }


def load_neutral_weights(model: keras.Model, weights: Variables) -> None:
    """Copy `weights`, which are in the neutral form, into the model.

    Raises `UserError` if a name, a shape or a dtype differs from the model's; the model is then
    not changed.
    """
    variables = _variables(model)
    must_match(weights, _without_values(variables))
    for name, variable in variables.items():
        variable.assign(weights[name])


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    return {
        f"{layer.name}/{variable.name}": variable
        for layer in model.layers
        for variable in layer.weights
    }


def _without_values(variables: dict[str, keras.Variable]) -> dict[str, NDArray[Any]]:
    """Return zeros of the variables' shapes and dtypes, which take no memory."""
    return {
        name: np.broadcast_to(np.zeros((), variable.dtype), variable.shape)
        for name, variable in variables.items()
    }


def neutral_optimizer_state(model: keras.Model) -> dict[str, NDArray[Any]]:
    """Return copies of the optimizer's state, by names like `velocity/conv2d_1/kernel`.

    `model` must be compiled. The number of updates and the learning rate are left out. Raises
    `UserError` for a variable that none of the experiment's optimizers has.
    """
    return {
        name: keras.ops.convert_to_numpy(variable).copy()
        for name, variable in _optimizer_variables(model).items()
    }


def load_neutral_optimizer_state(model: keras.Model, state: Variables, iteration: int) -> None:
    """Copy `state`, as `neutral_optimizer_state` returns it, into the optimizer.

    `iteration` is the number of updates already made. Raises `UserError` if a name, a shape or a
    dtype differs from the optimizer's; the optimizer is then not changed.
    """
    variables = _optimizer_variables(model)
    must_match(state, _without_values(variables))
    for name, variable in variables.items():
        variable.assign(state[name])
    model.optimizer.iterations.assign(iteration)


def _optimizer_variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Return the optimizer's variables by neutral name.

    The number of updates and the learning rate are left out. Keras names an array after its weight
    (`conv2d_1_kernel_velocity`). A single number has no such name; it is recognised as the value of
    an attribute, such as `_u_product` (keras/src/optimizers/nadam.py).
    """
    names = list(_variables(model))
    scalars = {name: getattr(model.optimizer, f"_{name}", None) for name in SCALARS}
    numbers: dict[str, keras.Variable] = {}
    slots: dict[str, list[keras.Variable]] = {}
    for variable in model.optimizer.variables:
        slot = variable.name.rpartition("_")[2]
        scalar = next((name for name, own in scalars.items() if own is variable), None)
        if scalar is not None:
            numbers[scalar] = variable
        elif slot in _SLOTS:
            slots.setdefault(slot, []).append(variable)
        elif variable.name not in _LEFT_OUT:
            raise UserError(
                f"optimizer variable {variable.path}: accepted: {', '.join(_LEFT_OUT)},"
                f" {', '.join(SCALARS)}, and {', '.join(_SLOTS)} of each weight"
            )

    # Within a slot, the variables are in the order of the weights.
    return {
        f"{slot}/{name}": variable
        for slot, variables in slots.items()
        for name, variable in zip(names, variables, strict=True)
    } | numbers
