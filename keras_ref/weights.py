"""A Keras model's weights and optimizer state under neutral names, in Keras' own layout."""

from typing import Any

import keras
from numpy.typing import NDArray

from cnn_experiment.errors import UserError
from cnn_experiment.settings.optimizers import SCALARS
from cnn_experiment.variables import Variables, must_match

_SLOTS = ("velocity", "momentum", "norm")
_SHOWN_ELSEWHERE = ("iteration", "learning_rate")


def neutral_weights(model: keras.Model) -> dict[str, NDArray[Any]]:
    """Return copies of the model's weights under their neutral names."""
    return {
        name: keras.ops.convert_to_numpy(variable).copy()
        for name, variable in _variables(model).items()
    }


def load_neutral_weights(model: keras.Model, weights: Variables) -> None:
    """Copy `weights` into the model, in place.

    Raises `UserError` where a name, a shape or a dtype differs from the model's; the model is then
    untouched.
    """
    must_match(weights, neutral_weights(model))
    for name, variable in _variables(model).items():
        variable.assign(weights[name])


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    return {
        f"{layer.name}/{variable.name}": variable
        for layer in model.layers
        for variable in layer.weights
    }


def neutral_optimizer_state(model: keras.Model) -> dict[str, NDArray[Any]]:
    """Return copies of what the compiled model's optimizer keeps, as `velocity/conv2d_1/kernel`.

    The count of updates and the learning rate are left out. Raises `UserError` for a variable that
    none of the experiment's optimizers has.
    """
    return {
        name: keras.ops.convert_to_numpy(variable).copy()
        for name, variable in _optimizer_variables(model).items()
    }


def load_neutral_optimizer_state(model: keras.Model, state: Variables, iteration: int) -> None:
    """Put what `neutral_optimizer_state` gave into the optimizer, in place.

    `iteration` is the count of updates made. Raises `UserError` where a name, a shape or a dtype
    differs from the optimizer's; it is then untouched.
    """
    must_match(state, neutral_optimizer_state(model))
    for name, variable in _optimizer_variables(model).items():
        variable.assign(state[name])
    model.optimizer.iterations.assign(iteration)


def _optimizer_variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Every variable of the optimizer but its count of updates and its learning rate.

    Keras names an array after its weight (`conv2d_1_kernel_velocity`). A single number bears no
    name of its own, but is an attribute: `_u_product` (keras/src/optimizers/nadam.py).
    """
    names = list(_variables(model))
    scalars = {name: getattr(model.optimizer, f"_{name}", None) for name in SCALARS}
    found: dict[str, keras.Variable] = {}
    slots: dict[str, list[keras.Variable]] = {}
    for variable in model.optimizer.variables:
        slot = variable.name.rpartition("_")[2]
        scalar = next((name for name, own in scalars.items() if own is variable), None)
        if scalar is not None:
            found[scalar] = variable
        elif slot in _SLOTS:
            slots.setdefault(slot, []).append(variable)
        elif variable.name not in _SHOWN_ELSEWHERE:
            raise UserError(
                f"optimizer variable {variable.path}: accepted: {', '.join(_SHOWN_ELSEWHERE)},"
                f" {', '.join(SCALARS)}, and {', '.join(_SLOTS)} of each weight"
            )
    return {
        f"{slot}/{name}": variable
        for slot, variables in slots.items()
        for name, variable in zip(names, variables, strict=True)
    } | found
