"""Known differences in what a port makes of a batch before its first layer."""

from typing import Any

import keras
import numpy as np

from parity_ladder.keras_side.randomness import as_array
from parity_ladder.keras_side.watching import watching
from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import Array, LayerPlace
from parity_ladder.known_differences.recomputing import nearest
from parity_ladder.layer_names import LOGITS

_CHANNELS = "keras/src/backend/config.py (image_data_format); torch/nn/modules/conv.py"
_IMAGENET = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
_MNIST = 0.1307, 0.3081


def _of_inputs(place: LayerPlace, *candidates: Array) -> Array | None:
    """Return what the first layer makes of other inputs, those whose output is next to the port's.

    None for a layer behind another one.
    """
    if place.maker() is not None or len(place.inputs) != 1:
        return None
    return nearest(place.ours, [_called(place, inputs) for inputs in candidates])


def _called(place: LayerPlace, inputs: Array) -> Array:
    """Return the output of the Keras layer for other inputs."""
    reference = place.reference
    with reference.at(place.state), watching(reference.model):
        output = place.layer(reference.tensors(inputs))
        is_logits = place.array.endswith(LOGITS)
        return as_array(output._keras_logits if is_logits else output)


@known(
    "inputs scaled by the port alone",
    rung="layer outputs",
    area="loop",
    source="torchvision/transforms/functional.py (to_tensor, normalize)",
)
def scaled(place: LayerPlace) -> Any:
    """The port scales its inputs, and the batches hold what is to go into the first layer.

    torchvision's `ToTensor` divides by 255 and `Normalize` subtracts a mean, where the Keras model
    gets the inputs as they are. Leave it out, or do the same to the data of both.
    """
    inputs = place.inputs[0]
    if inputs.dtype.kind != "f":
        return None
    candidates = [inputs / 255, inputs * 255, 2 * inputs - 1, inputs / 127.5 - 1]
    candidates += [(x - _MNIST[0]) / _MNIST[1] for x in (inputs, inputs / 255)]
    if inputs.shape[-1] == 3:
        candidates += [(x - _IMAGENET[0]) / _IMAGENET[1] for x in (inputs, inputs / 255)]
    return _of_inputs(place, *candidates)


@known(
    "normalization of the inputs left out",
    rung="layer outputs",
    area="loop",
    source="keras/src/layers/preprocessing/normalization.py",
)
def not_normalized(place: LayerPlace) -> Any:
    """The port gets its inputs as they are; the Keras model begins with a `Normalization`.

    That layer has learned mean and variance of the data. Write
    `x = (x - mean) / variance.sqrt()` before the first layer, with its numbers.
    """
    maker = place.maker()
    if maker is None or not isinstance(maker.layer, keras.layers.Normalization):
        return None
    return _called(place, maker.inputs[0])


@known(
    "colours in reverse order",
    rung="layer outputs",
    area="loop",
    source="keras/src/applications/imagenet_utils.py (preprocess_input)",
)
def reversed_colours(place: LayerPlace) -> Any:
    """The port has red and blue exchanged: BGR, as OpenCV reads images, where Keras has RGB.

    Some preprocessing of Keras exchanges them, too, as that of VGG and ResNet. Leave
    `images[..., ::-1]` out, or do it on both sides.
    """
    inputs = place.inputs[0]
    if inputs.ndim != 4 or inputs.shape[-1] != 3:
        return None
    return _of_inputs(place, inputs[..., ::-1])


@known("channels moved by a reshape", rung="layer outputs", area="loop", source=_CHANNELS)
def reshaped(place: LayerPlace) -> Any:
    """The port brings the channels to axis 1 with `reshape` or `view`, which mixes the pixels.

    Move the axis: `images.permute(0, 3, 1, 2)`.
    """
    inputs = place.inputs[0]
    if inputs.ndim < 3:
        return None
    samples, *middle, channels = inputs.shape
    mixed = inputs.reshape(samples, channels, *middle)
    return _of_inputs(place, np.ascontiguousarray(np.moveaxis(mixed, 1, -1)))


@known("height and width exchanged", rung="layer outputs", area="loop", source=_CHANNELS)
def exchanged(place: LayerPlace) -> Any:
    """The port's images lie on their side: height and width are exchanged.

    So does `images.permute(0, 3, 2, 1)` or `images.transpose(1, 3)`. Write
    `images.permute(0, 3, 1, 2)`.
    """
    inputs = place.inputs[0]
    if inputs.ndim != 4:
        return None
    return _of_inputs(place, np.ascontiguousarray(inputs.transpose(0, 2, 1, 3)))
