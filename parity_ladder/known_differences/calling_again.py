"""A Keras layer or a whole step computed again, with other settings or inputs, at the place."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from parity_ladder.keras_side.precision import floatx
from parity_ladder.keras_side.randomness import as_array
from parity_ladder.keras_side.watching import watching
from parity_ladder.known_differences.places import Array, GradientsPlace, LayerPlace, Place

Gradients = dict[str, Array]
_DROPOUTS = ("dropout", "recurrent_dropout")


def weights_of_layer(place: Place, layer: keras.layers.Layer) -> list[Array]:
    """Return the values of a layer's weights before the step, in the order of `layer.weights`."""
    names = {id(variable): name for name, variable in place.reference.variables.items()}
    return [place.state.weights[names[id(variable)]] for variable in layer.weights]


def mask_of(place: LayerPlace) -> Array | None:
    """Return the mask that the layer was called with, True for values that count."""
    hanging = [mask for call in place.calls if call.layer is place.layer for mask in call.masks]
    return next((each for each in (*place.inputs, *hanging) if each.dtype == np.bool_), None)


def called_again(
    place: LayerPlace,
    *inputs: Array,
    layer: keras.layers.Layer | None = None,
    training: bool = True,
    mask: Array | None = None,
    **changed: Any,
) -> Array:
    """Return the output of a layer with changed settings, by Keras' names, such as `epsilon=1e-5`.

    Without `inputs`, it gets its own ones; without `layer`, it is that of the place. Its dropout is
    off. `mask` is that of a recurrent layer, which has none otherwise.
    """
    original = place.layer if layer is None else layer
    values = inputs or tuple(each for each in place.inputs if each.dtype != np.bool_)
    config = original.get_config()
    config |= {name: 0.0 for name in _DROPOUTS if name in config and name not in changed}
    dtype = place.reference.dtype

    with floatx(dtype):
        again = type(original).from_config(config | changed | {"dtype": dtype})
        tensors = [keras.ops.convert_to_tensor(each) for each in values]
        settings: dict[str, Any] = {}
        if again._call_has_training_arg:
            settings["training"] = training
        if mask is not None:
            settings["mask"] = keras.ops.convert_to_tensor(mask)
        if len(values) == 1:
            again.build(values[0].shape)
        else:
            again(*tensors, **settings)

        for mine, theirs in zip(again.weights, weights_of_layer(place, original), strict=True):
            mine.assign(theirs)
        return as_array(again(*tensors, **settings))


def gradients_again(place: GradientsPlace) -> Gradients:
    """Return Keras' gradients of the step, computed again."""
    reference = place.reference
    model = reference.model
    x, y, weights = keras.utils.unpack_x_y_sample_weight(place.batch)
    with reference.at(place.state):
        variables = model.trainable_variables
        with watching(model), tf.GradientTape() as tape:
            predictions = model(reference.tensors(x), training=True)
            loss = model.compute_loss(
                None, reference.tensors(y), predictions, reference.tensors(weights), training=True
            )
        gradients = tape.gradient(
            loss,
            [variable.value for variable in variables],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        return {
            name: as_array(tf.convert_to_tensor(gradient))
            for name, gradient in zip(reference.trained, gradients, strict=True)
        }
