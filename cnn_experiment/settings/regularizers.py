"""The penalty on kernels that is added to the loss."""

from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field

from cnn_experiment.value import NotNegative, Value

Regularized = Literal["convolutions", "hidden", "output"]


def _each_once(layers: tuple[Regularized, ...]) -> tuple[Regularized, ...]:
    if not layers or len(set(layers)) < len(layers):
        raise ValueError("accepted: one or more of convolutions, hidden, output, each once")
    return layers


class Penalty(Value):
    """The strength, and the layers whose kernels are penalised; biases are never penalised."""

    strength: NotNegative
    layers: Annotated[tuple[Regularized, ...], AfterValidator(_each_once)] = ("hidden", "output")

    @property
    def rounded_strength(self) -> float:
        """The strength as Keras uses it: rounded to float32, also in a float64 model.

        Source: keras/src/regularizers/regularizers.py turns the Python float into a tensor (since
        Keras 3.14; earlier versions kept the Python float).
        """
        return float(np.float32(self.strength))


class L1(Penalty):
    """`strength * sum(abs(kernel))`; its gradient is `strength * sign(kernel)`, 0 at 0."""

    kind: Literal["l1"] = "l1"


class L2(Penalty):
    """`strength * sum(kernel ** 2)`; its gradient is `2 * strength * kernel`."""

    kind: Literal["l2"] = "l2"


Regularizer = Annotated[L1 | L2, Field(discriminator="kind")]
