"""What a layer makes of other inputs, or without its activation."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from parity_ladder.known_differences.places import LayerPlace
from parity_ladder.known_differences.recomputing import activated
from parity_ladder.known_differences.windows import CONVOLUTIONS, convolved

_L = keras.layers
_ACTIVATIONS = _L.Activation | _L.ReLU | _L.LeakyReLU | _L.ELU | _L.Softmax


def without_activation(
    place: LayerPlace, inputs: NDArray[Any] | None = None
) -> NDArray[Any] | None:
    """Return what goes into the activation of a layer; None for a kind that is not known here.

    `inputs`: other inputs than Keras'.
    """
    layer, weights = place.layer, place.weights
    values = place.inputs[0] if inputs is None else inputs
    if isinstance(layer, _ACTIVATIONS):
        return values
    if isinstance(layer, CONVOLUTIONS):
        return convolved(place, inputs=values)
    if isinstance(layer, _L.Dense):
        product = values @ weights["kernel"]
        return np.asarray(product + weights["bias"] if layer.use_bias else product)
    return None


def of_other_inputs(place: LayerPlace, inputs: NDArray[Any]) -> NDArray[Any] | None:
    """Return what a convolution or a dense layer makes of other inputs than Keras'."""
    values = without_activation(place, inputs)
    return None if values is None else activated(place.layer, values)
