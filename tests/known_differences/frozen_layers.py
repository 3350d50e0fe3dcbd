"""Planted differences in which variables train."""

from functools import partial

import keras
from torch import Tensor, nn

from tests.known_differences.single_layers import layer_case

L = keras.layers
dense = partial(L.Dense, 3, name="dense")
sound = partial(nn.Linear, 4, 3)


def frozen() -> nn.Module:
    """Return a linear layer that does not train."""
    return sound().requires_grad_(False)


def detached(module: nn.Module, inputs: Tensor) -> Tensor:
    """Return an output behind which no gradient flows."""
    outputs: Tensor = module(inputs)
    return outputs.detach()


case = partial(layer_case, shape=(4,))

PLANTED = [
    case("parameter frozen in the port", dense, sound=sound, faulty=frozen),
    case("gradient cut off", dense, sound=sound, faulty=sound, faulty_forward=detached),
    case(
        "variable trained that Keras freezes",
        partial(dense, trainable=False),
        sound=frozen,
        faulty=sound,
    ),
]
