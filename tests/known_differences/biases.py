"""Planted differences in the axis that a bias is added along: as many steps as it has values."""

from functools import partial

import keras
from torch import Tensor, nn

from tests.known_differences.single_layers import layer_case, values

STEPS, FEATURES = 4, 3


def split(bias: str = "zeros") -> keras.layers.Layer:
    """Return a layer (steps, features) -> (steps, heads, 1) with a bias (heads, 1)."""
    return keras.layers.EinsumDense(
        "abc,cde->abde", (STEPS, STEPS, 1), bias_axes="de", bias_initializer=bias, name="split"
    )


class Split(nn.Linear):
    """Its port; a sound one adds the bias along the steps, as Keras does."""

    def __init__(self) -> None:
        super().__init__(FEATURES, STEPS)


def along_steps(module: Split, inputs: Tensor) -> Tensor:
    return (inputs @ module.weight.T + module.bias[:, None]).unsqueeze(-1)


def along_heads(module: Split, inputs: Tensor) -> Tensor:
    outputs: Tensor = module(inputs).unsqueeze(-1)
    return outputs


case = partial(
    layer_case,
    shape=(STEPS, FEATURES),
    sound=Split,
    faulty=Split,
    forward=along_steps,
    faulty_forward=along_heads,
)
PLANTED = [
    case("bias added along another axis", partial(split, "random_normal")),
    case(
        "gradient of a bias along another axis",
        split,
        batches=lambda: values(STEPS, FEATURES)()[:1],  # trained, it would be the other one
    ),
]
