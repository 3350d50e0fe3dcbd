"""A Keras model's weights under neutral names; the neutral layout is Keras' own."""

from typing import Any

import keras
from numpy.typing import NDArray

from cnn_experiment.variables import Variables, must_match


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
