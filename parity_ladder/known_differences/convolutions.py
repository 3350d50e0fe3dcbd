"""Known differences in convolutions."""

from typing import Any

import keras
import numpy as np
import torch
from torch.nn import functional

from parity_ladder.known_differences.catalogue import known
from parity_ladder.known_differences.places import LayerPlace
from parity_ladder.known_differences.recomputing import activated, channels_first, channels_last


@known(
    "padding the same on both sides",
    rung="layer outputs",
    area="layers",
    source="keras/src/layers/convolutional/base_conv.py; torch/nn/modules/conv.py; pytorch #67551",
)
def symmetric_padding(place: LayerPlace) -> Any:
    """The port pads a strided convolution by the same number on both sides, as `padding=1` does.

    Keras' `same` pads by the size of the input, with the extra pixel at the end. Pad by hand:
    `F.pad(x, (0, 1, 0, 1))` for an even input, a window of 3 and a stride of 2.
    """
    layer = place.layer
    if not isinstance(layer, keras.layers.Conv2D) or layer.padding != "same":
        return None
    kernel = torch.from_numpy(np.ascontiguousarray(place.weights["kernel"].transpose(3, 2, 0, 1)))
    padding = [
        (window - 1) * dilation // 2
        for window, dilation in zip(layer.kernel_size, layer.dilation_rate, strict=True)
    ]
    bias = torch.from_numpy(place.weights["bias"]) if layer.use_bias else None
    outputs = functional.conv2d(
        channels_first(place.inputs[0]),
        kernel,
        bias,
        layer.strides,
        padding,
        layer.dilation_rate,
        layer.groups,
    )
    return activated(layer, channels_last(outputs))
